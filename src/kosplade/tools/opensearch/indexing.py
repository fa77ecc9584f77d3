"""Documents into an index: encoded here, sent in bulk, and only those that are not there yet."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from opensearchpy import NotFoundError, OpenSearch, RequestError, TransportError
from opensearchpy.helpers import streaming_bulk
from tqdm import tqdm

from kosplade.errors import UserError
from kosplade.export.seismic import Ranks, ranks_of
from kosplade.retrieval.beir import Document
from kosplade.retrieval.served import ServedModel
from kosplade.tools.opensearch import connection
from kosplade.tools.opensearch.approximate import sparse_vector_errors, to_ranked_features
from kosplade.tools.opensearch.chunks import encode_chunks
from kosplade.tools.opensearch.features import to_features
from kosplade.tools.opensearch.mapping import CHUNKS, FIELD, HASH, check_ours, difference, index_body
from kosplade.tools.opensearch.texts import batches, read_documents, sha256

BATCH = 256  # documents encoded, looked up and sent together: what an interruption costs
CHUNKED_BATCH = 32  # the same where they are split: each is several texts to encode
_MOST_BYTES = 10 << 20  # of a bulk request


@dataclass(frozen=True)
class Indexed:
    """What `index_documents` did: documents sent, those that were there already, those that the index now holds."""

    sent: int
    present: int
    total: int


def open_mappings(client: OpenSearch, index: str) -> dict[str, Any]:
    """The mappings of an index of ours, or of the one behind an alias; UserError if it is another's or several."""
    answer = client.indices.get_mapping(index=index)
    if len(answer) != 1:
        raise UserError(f"index '{index}': {len(answer)} indices have that name. Name one.")
    mappings = next(iter(answer.values()))["mappings"]
    check_ours(index, mappings)
    return mappings


def prepare_index(
    client: OpenSearch,
    index: str,
    model: str,
    max_document_length: int,
    kind: str,
    *,
    recreate: bool,
    field: Mapping[str, Any] | None = None,
) -> str:
    """Create the index, or find it as it should be; return what was done: "created", "recreated" or "resumed".

    Title and text are analysed by nori, where the server has it. An index that is ours and differs is deleted with
    `recreate` and a UserError without; UserError also for a server that has no such index. Arguments as in
    `index_body`.
    """
    done = "created"
    try:
        differs = difference(open_mappings(client, index), model, max_document_length, kind)
    except NotFoundError:
        pass
    else:
        if not differs:
            return "resumed"
        if not recreate:
            raise UserError(f"index '{index}' is {differs}. Choose another --index, or delete it with --recreate.")
        client.indices.delete(index=index)
        done = "recreated"
    body = partial(index_body, model, max_document_length, kind, field=field)
    try:
        with sparse_vector_errors():
            client.indices.create(index=index, body=body())
    except RequestError as error:
        if "nori" not in str(error.info):
            raise
        client.indices.create(index=index, body=body(analyzer=None))
        done += " without nori, as the plugin analysis-nori is missing: BM25 takes particles for parts of words"
    return done


def index_documents(
    client: OpenSearch, index: str, model: ServedModel, fingerprint: str, path: Path, count: int, kind: str
) -> Indexed:
    """Bring every document of a JSONL file into the index; what is there with the same text is not encoded again.

    `count` is what `count_documents` found in the file, `kind` that of the index. UserError: a document that the server
    refuses, an index that was changed meanwhile.
    """
    ranks = ranks_of(model) if kind == "approximate" else None
    encoded = _chunks if kind == "chunked" else partial(_features, ranks=ranks)
    served_P = np.flatnonzero(~model.unserved_V)
    sent = 0
    with tqdm(total=count, desc=f"index {index}", unit="document", mininterval=1) as bar:
        for batch in batches(read_documents(path), CHUNKED_BATCH if kind == "chunked" else BATCH):
            missing = _missing(client, index, batch)
            if missing:
                _send(client, index, list(map(_source, missing, encoded(model, missing, served_P))), sent)
            sent += len(missing)
            bar.update(len(batch))
    # A server makes an index out of nothing for documents whose index someone deletes: numbers, not rank_features.
    if differs := difference(open_mappings(client, index), fingerprint, model.max_document_length, kind):
        raise UserError(f"index '{index}' is now {differs}: it was changed meanwhile. Index again with --recreate.")
    client.indices.refresh(index=index)
    total = client.count(index=index)["count"]
    if total < count:
        raise UserError(f"index '{index}' holds {total} documents of {count}: some were deleted. Index again.")
    return Indexed(sent, count - sent, total)


def _missing(client: OpenSearch, index: str, batch: list[Document]) -> list[Document]:
    """Those that the index does not hold with the same text. UserError if it is gone: a bulk request would make one."""
    answer = client.mget(index=index, body={"ids": [document.id for document in batch]}, _source_includes=[HASH])
    if any("error" in one for one in answer["docs"]):
        raise UserError(f"index '{index}' cannot be read: it was deleted meanwhile, or is closed. Index again.")
    held = {one["_id"]: one["_source"].get(HASH) for one in answer["docs"] if one.get("found")}
    return [document for document in batch if held.get(document.id) != sha256(document)]


def _features(
    model: ServedModel, documents: list[Document], pieces_P: np.ndarray, ranks: Ranks | None = None
) -> Iterator[dict[str, Any]]:
    """What makes each document findable: its vector, with `ranks` by these."""
    vectors_NV = model.documents([document.whole for document in documents], "", pieces_P)
    for document, vector_1V in zip(documents, vectors_NV, strict=True):
        owner = f"document '{document.id}'"
        features = to_ranked_features(vector_1V, owner, ranks) if ranks else to_features(vector_1V, owner)
        yield {FIELD: features} if features else {}  # a sparse_vector that is empty is refused


def _chunks(model: ServedModel, documents: list[Document], pieces_P: np.ndarray) -> Iterator[dict[str, Any]]:
    """The same of documents that are split: texts and vectors of their chunks."""
    texts, vectors_CV = encode_chunks(model, documents, "", pieces_P)
    vectors = iter(vectors_CV)
    for document, of in zip(documents, texts, strict=True):
        owner = f"document '{document.id}'"
        yield {CHUNKS: [{"text": text, FIELD: to_features(next(vectors), owner)} for text in of]}


def _source(document: Document, encoded: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    shown = {"title": document.title, "text": document.text, HASH: sha256(document)}
    return document.id, shown | encoded


def _send(client: OpenSearch, index: str, sources: Sequence[tuple[str, dict[str, Any]]], before: int) -> None:
    """Send one batch; the first document that is refused is named, after all of the batch was tried.

    A server, or a proxy before it, that calls a request too large (413) gets smaller ones, down to one document.
    """
    actions = ({"_index": index, "_id": id_, "_source": source} for id_, source in sources)
    results = streaming_bulk(
        client,
        actions,
        max_chunk_bytes=_MOST_BYTES,
        raise_on_error=False,
        max_retries=connection.RETRIES,  # of single documents that the server is too busy for (429)
        initial_backoff=connection.BACKOFF,
    )
    taken, refused = 0, []
    try:
        for is_taken, item in results:
            if is_taken:
                taken += 1
            else:
                refused.append(item["index"])
    except TransportError as error:
        if error.status_code != 413:
            raise
        if len(sources) == 1:
            raise UserError(
                f"index '{index}': document '{sources[0][0]}' alone is more than the server takes in a request (413). "
                f"{before} were indexed: shorten it, or raise the server's http.max_content_length, then run the same "
                "command again."
            ) from None
        half = len(sources) // 2
        _send(client, index, sources[:half], before)
        _send(client, index, sources[half:], before + half)
        return
    if refused:
        raise UserError(
            f"index '{index}': {len(refused)} documents were refused, the first, '{refused[0]['_id']}', with "
            f"{refused[0]['status']} {_cause(refused[0].get('error'))}. {before + taken} were indexed: "
            "repair the cause and run the same command again."
        )


def _cause(error: Any) -> str:
    """`type: reason` of an item's error, and of what caused it."""
    if not isinstance(error, dict):
        return " ".join(str(error).split())
    inner = error.get("caused_by")
    reason = " ".join(f"{error.get('type')}: {error.get('reason')}".split()).rstrip(".")
    return f"{reason} ({_cause(inner)})" if inner else reason
