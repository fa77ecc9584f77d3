"""A user's own train_*.jsonl: checked line by line, part of it held out, a BEIR folder written beside it."""

import heapq
from collections.abc import Iterable, Iterator
from pathlib import Path

from tqdm import tqdm

from kosplade.corpus.folder import own_files, protect_user_files, publish, write_beir
from kosplade.corpus.records import Record, read_records, touches, training_files
from kosplade.corpus.text import text_id
from kosplade.errors import UserError
from kosplade.files import write_jsonl


class Smallest:
    """The `count` distinct ids that sort first, in memory for `count`: a sample that no order changes."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._heap: list[int] = []
        self.ids: set[int] = set()

    def add(self, identifier: str) -> None:
        """Consider one more id."""
        number = int(identifier, 16)
        if number in self.ids or (len(self.ids) == self._count and number >= -self._heap[0]):
            return
        self.ids.add(number)
        heapq.heappush(self._heap, -number)
        if len(self.ids) > self._count:
            self.ids.remove(-heapq.heappop(self._heap))

    def __contains__(self, identifier: str) -> bool:
        return int(identifier, 16) in self.ids


def prepare_user(folder: Path, val_queries: int, max_passages: int) -> dict[str, int]:
    """Validate the training files; write val.jsonl, unless the user has one, and the BEIR files.

    Streams: memory grows with `val_queries` and `max_passages` (0: with the number of distinct passages).
    Returns the counts of records, validation queries, passages, and records that share text with validation.
    """
    own = own_files(folder)
    files = [file for file in training_files(folder) if file.name not in own]
    if not files:
        raise UserError(f"{folder} has no train_*.jsonl of yours. Put it there, or set data.source=embedded.")
    beir_files = ("corpus.jsonl", "queries.jsonl", "qrels/*.tsv")
    protect_user_files(folder, beir_files, "Move it: prepare writes its own.")
    given = folder / "val.jsonl"
    is_given = given.exists() and given.name not in own
    sample = Smallest(val_queries)
    for record in _all(files, "checking"):
        sample.add(text_id(record.query))
    val = list(read_records(given) if is_given else _one_a_query(_all(files, "holding out"), sample))
    if not val:
        raise UserError(f"{given} holds no record. Fill it, or delete it to have some held out.")
    kept_out = frozenset(text_id(text) for record in val for text in (record.query, record.positive))
    records = touched = 0
    chosen = Smallest(max_passages) if max_passages else None
    for record in _all(files, "sampling"):
        records += 1
        if touches(record, kept_out):
            touched += 1
        elif chosen:
            chosen.add(text_id(record.positive))
    if touched == records:
        raise UserError(f"{folder}: validation leaves no training record. Lower data.val_queries.")
    passages = 0

    def write(scratch: Path) -> None:
        nonlocal passages
        if not is_given:
            rows = ({"query": r.query, "positive": r.positive, "kind": r.kind} for r in val)
            write_jsonl(scratch / "val.jsonl", rows)
        train = (record for record in _all(files, "writing") if not touches(record, kept_out))
        queries = ((record.query, record.positive, record.kind) for record in val)
        passages = write_beir(scratch, {"val": queries}, _corpus(val, train, chosen))

    publish(folder, write)
    return {"records": records, "queries": len(val), "passages": passages, "touched": touched}


def _one_a_query(records: Iterable[Record], sample: Smallest) -> Iterator[Record]:
    met: set[str] = set()
    for record in records:
        identifier = text_id(record.query)
        if identifier in sample and identifier not in met:
            met.add(identifier)
            yield record


def _corpus(val: list[Record], train: Iterable[Record], chosen: Smallest | None) -> Iterator[str]:
    """The judged passages, then the chosen positives of training, each once."""
    written: set[int] = set()
    for is_judged, records in ((True, val), (False, train)):
        for record in records:
            identifier = text_id(record.positive)
            number = int(identifier, 16)
            if number not in written and (is_judged or chosen is None or identifier in chosen):
                written.add(number)
                yield record.positive


def _all(files: list[Path], what: str) -> Iterator[Record]:
    for file in files:
        yield from tqdm(read_records(file), desc=f"{what} {file.name}", unit="line", leave=False)
