"""Documents into an index: sent in bulk, and only those that are not there yet."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from opensearchpy import NotFoundError, OpenSearch, RequestError, TransportError
from opensearchpy.helpers import streaming_bulk
from tqdm import tqdm

from kosplade.errors import UserError
from kosplade.records.document import Document
from kosplade.tools.opensearch import connection
from kosplade.tools.opensearch.approximate import sparse_vector_errors
from kosplade.tools.opensearch.feeding import Batch
from kosplade.tools.opensearch.mapping import HASH, check_ours, difference, index_body

Result = TypeVar("Result")
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
    client: OpenSearch,
    index: str,
    model: str,
    max_document_length: int,
    kind: str,
    batches: Iterable[Batch],
    count: int,
    clients: int = 1,
) -> Indexed:
    """Bring every document of `batches` into the index; what is there with the same text is not asked for its fields.

    `count` is how many there are, `clients` how many bulk requests are under way at once; the rest as in
    `prepare_index`. UserError: a document that the server refuses, an index that was changed meanwhile.
    """
    sent = 0
    with tqdm(total=count, desc=f"index {index}", unit="document", mininterval=1) as bar:
        # `sent` is for messages: what it is when a batch begins.
        bring = lambda batch: _bring(client, index, batch, sent)  # noqa: E731
        for missing, seen in _in_parallel(bring, batches, clients):
            sent += missing
            bar.update(seen)
    # A server makes an index out of nothing for documents whose index someone deletes: numbers, not rank_features.
    if differs := difference(open_mappings(client, index), model, max_document_length, kind):
        raise UserError(f"index '{index}' is now {differs}: it was changed meanwhile. Index again with --recreate.")
    client.indices.refresh(index=index)
    total = client.count(index=index)["count"]
    if total < count:
        raise UserError(
            f"index '{index}' holds {total} documents of {count}: some were deleted, or an _id occurs twice. "
            "Index again."
        )
    return Indexed(sent, count - sent, total)


def _in_parallel(work: Callable[[Batch], Result], batches: Iterable[Batch], clients: int) -> Iterator[Result]:
    """Results in order, `clients` at a time; few batches wait, however many come."""
    if clients == 1:  # an interruption is heard at once
        yield from map(work, batches)
        return
    with ThreadPoolExecutor(clients) as pool:
        waiting: deque[Future[Result]] = deque()
        try:
            for batch in batches:
                waiting.append(pool.submit(work, batch))
                if len(waiting) > 2 * clients - 2:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def _bring(client: OpenSearch, index: str, batch: Batch, before: int) -> tuple[int, int]:
    """Send what is missing of a batch; return how many these are, and how many the batch holds."""
    numbers = _missing(client, index, batch.documents)
    if numbers:
        fields = zip(numbers, batch.fields(numbers), strict=True)
        _send(client, index, [_source(batch.documents[number], of) for number, of in fields], before)
    return len(numbers), len(batch.documents)


def _missing(client: OpenSearch, index: str, batch: list[Document]) -> list[int]:
    """Numbers of those that the index does not hold with the same text.

    UserError if it is gone: a bulk request would make one.
    """
    answer = client.mget(index=index, body={"ids": [document.id for document in batch]}, _source_includes=[HASH])
    if any("error" in one for one in answer["docs"]):
        raise UserError(f"index '{index}' cannot be read: it was deleted meanwhile, or is closed. Index again.")
    held = {one["_id"]: one["_source"].get(HASH) for one in answer["docs"] if one.get("found")}
    return [number for number, document in enumerate(batch) if held.get(document.id) != document.sha256]


def _source(document: Document, encoded: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    shown = {"title": document.title, "text": document.text, HASH: document.sha256}
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
