"""Documents to index, in the order of a JSONL file, and queries to search with."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

from kosplade.errors import UserError
from kosplade.files import is_blank, read_numbered

_LONGEST_ID = 512  # bytes; a server refuses longer ones, and with them the whole bulk request


@dataclass(frozen=True)
class Document:
    """One line of corpus.jsonl."""

    id: str
    title: str
    text: str

    @property
    def encoded(self) -> str:
        """What is encoded, as in `kosplade.retrieval.beir`: title, a line break, text; either alone if one is blank."""
        return "\n".join(part for part in (self.title, self.text) if not is_blank(part))

    @cached_property
    def sha256(self) -> str:
        """Of title and text, told apart by a byte that neither holds as such."""
        return hashlib.sha256(f"{self.title}\0{self.text}".encode()).hexdigest()


def count_documents(path: Path) -> int:
    """Read the whole file once, so that a broken line is named before anything is sent; return the number of documents.

    UserError: a missing file, a broken line, a repeated or too long id, a document without text, no document.
    """
    ids: set[str] = set()
    for document in read_documents(path):
        if document.id in ids:
            raise UserError(f"{path}: _id '{document.id}' occurs twice. Ids must be unique.")
        ids.add(document.id)
    if not ids:
        raise UserError(f"{path}: no documents. Put one JSON object a line: _id, text and, if there is one, title.")
    return len(ids)


def read_documents(path: Path) -> Iterator[Document]:
    """Stream `_id`, `title` (optional) and `text`; UserError as `count_documents`, repeated ids apart."""
    _need(path)
    for number, record in read_numbered(path, ("_id",)):
        place, document_id = f"{path}:{number}", record["_id"]
        title, text = ("" if record.get(field) is None else record[field] for field in ("title", "text"))
        if not isinstance(title, str) or not isinstance(text, str):
            raise UserError(f"{place}: document '{document_id}' has a title or text that is not a string.")
        if len(document_id.encode()) > _LONGEST_ID:
            raise UserError(f"{place}: an _id of more than {_LONGEST_ID} bytes, which OpenSearch refuses. Shorten it.")
        document = Document(document_id, title, text)
        if is_blank(document.encoded):
            raise UserError(f"{place}: document '{document_id}' has neither title nor text. Remove or fill it.")
        yield document


def batches(documents: Iterator[Document], size: int) -> Iterator[list[Document]]:
    """Lists of `size` documents, the last one of what is left."""
    while batch := list(islice(documents, size)):
        yield batch


def read_queries(path: Path) -> dict[str, str]:
    """{query id: text} of a BEIR queries.jsonl; UserError for a missing file, a broken line and a repeated id."""
    _need(path)
    queries: dict[str, str] = {}
    for number, record in read_numbered(path, ("_id", "text")):
        if record["_id"] in queries:
            raise UserError(f"{path}:{number}: _id '{record['_id']}' occurs twice. Ids must be unique.")
        queries[record["_id"]] = record["text"]
    if not queries:
        raise UserError(f"{path}: no queries. Put one JSON object a line: _id and text.")
    return queries


def _need(path: Path) -> None:
    if not path.is_file():
        raise UserError(f"{path} not found. Correct the path.")
