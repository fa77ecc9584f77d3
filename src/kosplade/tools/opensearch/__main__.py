"""Index and search an OpenSearch: `python -m kosplade.tools.opensearch index|search --help`."""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from scipy.sparse import csr_matrix
from tqdm import tqdm

from kosplade.console import run_command, say
from kosplade.errors import UserError
from kosplade.export.hybrid_requests import DEPTH
from kosplade.export.seismic import field_of, ranks_of
from kosplade.records.document import Document
from kosplade.records.text import has_half_character
from kosplade.retrieval.served import ServedModel, check_length
from kosplade.retrieval.trec import write_run
from kosplade.tools.encode.shards import Folder
from kosplade.tools.opensearch.approximate import check_ranks
from kosplade.tools.opensearch.chunks import CHUNK_LENGTH
from kosplade.tools.opensearch.connection import connect, server_errors, shown
from kosplade.tools.opensearch.feeding import batches_of_texts, batches_of_vectors
from kosplade.tools.opensearch.indexing import index_documents, prepare_index
from kosplade.tools.opensearch.mapping import fingerprint
from kosplade.tools.opensearch.searching import (
    check_index,
    check_scores,
    encode_queries,
    format_hit,
    format_pieces,
    query_of,
    request_body,
    search_index,
    with_bm25,
)
from kosplade.tools.opensearch.texts import count_documents, read_documents, read_queries
from kosplade.tools.options import make_place, positive
from kosplade.tools.variants.loading import load_any

DOCUMENT_LENGTH = 512


def main(arguments: list[str]) -> None:
    """Run the command line. Raises UserError before the first text is encoded, or for what the server refuses."""
    options = _parse(arguments)
    for name in ("url", "index", "query"):
        if has_half_character(getattr(options, name, None) or ""):
            raise UserError(f"--{name}: its bytes are not UTF-8. Convert them, or set LC_ALL=C.UTF-8.")
    with server_errors(options.url, options.index):
        options.command(options)


def index(options: argparse.Namespace) -> None:
    """Create the index where it is missing, and bring the documents into it."""
    client = connect(options.url)
    kind, model_id = options.kind, fingerprint(options.model)
    if options.vectors:  # all is checked before an index is created, or an old one deleted
        place, count, length = options.vectors, *_check_vectors(options.vectors, model_id)
        model = _load(options.model, length, "--max-document-length") if kind == "approximate" else None
    else:
        place, count = options.documents, count_documents(options.documents)
        length = options.max_document_length or (CHUNK_LENGTH if kind == "chunked" else DOCUMENT_LENGTH)
        model = _load(options.model, length, "--max-document-length")
    field = ranks = None
    if kind == "approximate":
        field, ranks = field_of(model), ranks_of(model)
        documents = _vector_documents(place) if options.vectors else read_documents(place)
        lost = check_ranks(model, ranks, options.model, documents, count, str(place))
        say("opensearch", f"{lost:.2%} of the words of the documents, by weight, are pieces without a rank")
    done = prepare_index(client, options.index, model_id, length, kind, recreate=options.recreate, field=field)
    say("opensearch", f"{shown(options.url)}: index '{options.index}' {done}")
    found = batches_of_vectors(Folder(place), ranks) if options.vectors else batches_of_texts(model, place, kind)
    indexed = index_documents(client, options.index, model_id, length, kind, found, count, options.clients or 1)
    say(
        "opensearch",
        f"{indexed.sent} documents indexed, {indexed.present} were there; the index holds {indexed.total}",
    )
    if options.vectors and kind == "exact":
        checked = check_scores(client, options.index, Folder(place))
        say("opensearch", f"{checked} of them were searched for: the scores are the dot products")


def _check_vectors(place: str, model: str) -> tuple[int, int]:
    """How many documents a folder of shards holds, and their longest length in pieces."""
    manifest = Folder(place).check_complete()
    if manifest["model"] != model:
        raise UserError(f"--vectors: {place} was encoded by another model. Name that with --model, or encode again.")
    if not manifest["documents"]:
        raise UserError(f"--vectors: {place} holds no documents. Encode some: python -m kosplade.tools.encode")
    return manifest["documents"], manifest["max_document_length"]


def _vector_documents(place: str) -> Iterator[Document]:
    return (document for encoded in Folder(place).read() for document in encoded.documents)


def search(options: argparse.Namespace) -> None:
    """Search with one query and print what is found, or with a file of queries and write a TREC run."""
    client = connect(options.url)
    queries = {"": options.query} if options.queries is None else read_queries(options.queries)
    if options.output is not None:
        make_place(options.output)
    model = _load(options.model, options.max_query_length, "--max-query-length")
    about = check_index(client, options.index, fingerprint(options.model))
    model = replace(model, max_document_length=about["max_document_length"])
    vectors_QV = encode_queries(model, list(queries.values()), encoded=options.encoded)

    way = "encoded" if options.encoded else "inference_free"
    to_query = query_of(model, about["kind"], max(options.top, DEPTH * options.hybrid))

    def ask(query_1V: csr_matrix, text: str, source: list[str], owner: str = "the query") -> list[dict[str, Any]]:
        body = request_body(to_query(query_1V), options.top, source)
        if options.hybrid:
            body = with_bm25(body, text, model.hybrid_weight[way])
        return search_index(client, options.index, body, owner)

    if options.queries is None:
        hits = ask(vectors_QV, options.query, ["title", "text"])
        for rank, hit in enumerate(hits, start=1):
            print(format_hit(rank, hit))
            if options.explain:
                print(format_pieces(model, vectors_QV, hit))
        if not hits:
            print("Nothing was found.")
        return
    run = {}
    for row, (query_id, text) in enumerate(tqdm(queries.items(), desc="search", unit="query", mininterval=1)):
        hits = ask(vectors_QV[row], text, [], f"query '{query_id}'")
        run[query_id] = {hit["_id"]: hit["_score"] for hit in hits}
    write_run(options.output, run, f"hybrid_{way}" if options.hybrid else way)
    say("opensearch", f"{options.output}: {len(run)} queries")


def _load(folder: Path, length: int, option: str) -> ServedModel:
    """The model, of which a command encodes one side only: `length` holds for both."""
    model = load_any(folder, max_query_length=length, max_document_length=length)
    check_length(model, length, option)
    model.encoder.to_fastest()
    return model


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m kosplade.tools.opensearch", description=__doc__.split(":")[0])
    commands = parser.add_subparsers(required=True, metavar="index|search")
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--url", required=True, help="http[s]://[user:password@]host[:port]")
    shared.add_argument("--index", required=True, metavar="NAME", help="the index on that server")
    shared.add_argument("--model", type=Path, required=True, metavar="DIR", help="an exported model")

    one = commands.add_parser("index", parents=[shared], help="encode documents and index them; may be repeated")
    one.set_defaults(command=index)
    what = one.add_mutually_exclusive_group(required=True)
    what.add_argument("--documents", type=Path, metavar="JSONL", help="_id, text, title if there is one")
    what.add_argument("--vectors", metavar="PLACE", help="documents that kosplade.tools.encode encoded, or their URI")
    one.add_argument("--clients", type=positive, metavar="N", help="with --vectors: bulk requests at once (default: 1)")
    one.add_argument("--recreate", action="store_true", help="delete an index of another model or mapping first")
    kind = one.add_mutually_exclusive_group()
    kind.set_defaults(kind="exact")
    kind.add_argument(
        "--chunk",
        action="store_const",
        dest="kind",
        const="chunked",
        help="split long documents; each scores as its best chunk does",
    )
    kind.add_argument(
        "--approximate",
        action="store_const",
        dest="kind",
        const="approximate",
        help="for Seismic, which is for millions of documents",
    )
    one.add_argument(
        "--max-document-length",
        type=positive,
        metavar="N",
        help=f"pieces of a document (default: {DOCUMENT_LENGTH}), of a chunk (default: {CHUNK_LENGTH})",
    )

    other = commands.add_parser("search", parents=[shared], help="search with a query, or with a file of queries")
    other.set_defaults(command=search)
    asked = other.add_mutually_exclusive_group(required=True)
    asked.add_argument("--query", metavar="TEXT", help="print what it finds")
    asked.add_argument("--queries", type=Path, metavar="JSONL", help="_id, text; writes a run to --output")
    other.add_argument("--output", type=Path, metavar="FILE", help="the run, in TREC format")
    other.add_argument("--encoded", action="store_true", help="encode queries with the model (default: with its IDF)")
    other.add_argument("--hybrid", action="store_true", help="add BM25 of the server, by the weight in the export")
    other.add_argument("--top", type=positive, default=10, metavar="K", help="documents of a query (default: 10)")
    other.add_argument("--explain", action="store_true", help="with --query: the pieces that decide each score")
    other.add_argument(
        "--max-query-length", type=positive, default=64, metavar="N", help="pieces of a query (default: 64)"
    )
    options = parser.parse_args(arguments)
    if options.command is search and (options.queries is None) != (options.output is None):
        other.error("--queries and --output belong together")
    if options.command is index and options.documents and options.clients:
        one.error("--clients needs --vectors")
    if options.command is index and options.vectors and (options.kind == "chunked" or options.max_document_length):
        one.error("--vectors are of whole documents, as long as they were encoded")
    if options.command is search and options.queries is not None and options.explain:
        other.error("--explain needs --query")
    return options


if __name__ == "__main__":
    run_command(main, "What is indexed stays: run the same command again.")
