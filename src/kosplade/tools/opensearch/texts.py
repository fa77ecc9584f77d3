"""Documents to index, in the order of a JSONL file, and queries to search with."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from kosplade.errors import UserError
from kosplade.records.document import Document
from kosplade.retrieval import beir

_LONGEST_ID = 512  # bytes; a server refuses longer ones, and with them the whole bulk request


def count_documents(path: Path) -> int:
    """Read the whole file once, so that a broken line is named before anything is sent; return the number of documents.

    UserError: as `read_documents`, and no document.
    """
    count = sum(1 for _ in read_documents(path))
    if not count:
        raise UserError(f"{path}: no documents. Put one JSON object a line: _id, text and, if there is one, title.")
    return count


def read_documents(path: Path) -> Iterator[Document]:
    """Stream as `kosplade.retrieval.beir.read_documents` does; UserError also for an id that is too long."""
    for document in beir.read_documents(path):
        check_id(document)
        yield document


def check_id(document: Document) -> None:
    """UserError for an id that is too long."""
    if len(document.id.encode()) > _LONGEST_ID:
        raise UserError(
            f"{document.place}: an _id of more than {_LONGEST_ID} bytes, which OpenSearch refuses. Shorten it."
        )


def batches(documents: Iterator[Document], size: int) -> Iterator[list[Document]]:
    """Lists of `size` documents, the last one of what is left."""
    while batch := list(islice(documents, size)):
        yield batch


def read_queries(path: Path) -> dict[str, str]:
    """{query id: text} of a BEIR queries.jsonl; UserError as `kosplade.retrieval.beir.read_queries`, and for none."""
    queries = {query.id: query.text for query in beir.read_queries(path)}
    if not queries:
        raise UserError(f"{path}: no queries. Put one JSON object a line: _id and text.")
    return queries
