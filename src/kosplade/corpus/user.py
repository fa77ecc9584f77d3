"""A user's own train_*.jsonl: checked line by line, part of it held out, a BEIR folder written beside it."""

import heapq
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from tqdm import tqdm

from kosplade.corpus.folder import own_files, protect_user_files, publish, write_beir
from kosplade.errors import UserError
from kosplade.files import write_jsonl
from kosplade.records.record import Record, read_placed, touches, training_files
from kosplade.records.text import text_id, text_key


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


def prepare_user(folder: Path, val_queries: int, max_passages: int, say: Callable[[str], None]) -> dict[str, int]:
    """Validate the training files; write val.jsonl, unless the user has one, and the BEIR files.

    Streams: memory grows with `val_queries` and `max_passages` (0: with the number of distinct passages).
    Returns the counts of records, validation queries, passages, and of the records and negatives that repeat text of
    validation although they were not held out: `say` names the first; training skips them.
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
    for _, record in _all(files, "checking"):
        sample.add(text_id(record.query))
    held = dict(read_placed(given) if is_given else _one_a_query(_all(files, "holding out"), sample))
    val = list(held.values())
    if not val:
        raise UserError(f"{given} holds no record. Fill it, or delete it to have some held out.")
    kept_out = frozenset(text_key(text) for record in val for text in (record.query, record.positive))
    records = trained = repeating = negatives = 0
    first = ""
    chosen = Smallest(max_passages) if max_passages else None
    for place, record in _all(files, "sampling"):
        records += 1
        if place in held:
            continue
        repeats = touches(record, kept_out)
        hidden = 0 if repeats else sum(text_key(text) in kept_out for text in record.negatives)
        repeating, negatives, trained = repeating + repeats, negatives + hidden, trained + (not repeats)
        if (repeats or hidden) and not first:
            first = place
        if chosen and not repeats:
            chosen.add(text_id(record.positive))
    if not trained:
        raise UserError(f"{folder}: validation leaves no training record. Lower data.val_queries.")
    if first:
        found = f"{repeating:,} records and {negatives:,} negatives of yours repeat text of validation"
        say(f"{found} (first: {first}): training skips them")
    passages = 0

    def write(scratch: Path) -> None:
        nonlocal passages
        if not is_given:
            rows = ({"query": r.query, "positive": r.positive, "kind": r.kind} for r in val)
            write_jsonl(scratch / "val.jsonl", rows)
        train = (record for _, record in _all(files, "writing") if not touches(record, kept_out))
        queries = ((record.query, record.positive, record.kind) for record in val)
        passages = write_beir(scratch, {"val": queries}, _corpus(val, train, chosen))

    publish(folder, write)
    counts = {"records": records, "queries": len(val), "passages": passages}
    return counts | {"repeating": repeating, "negatives": negatives}


def _one_a_query(placed: Iterable[tuple[str, Record]], sample: Smallest) -> Iterator[tuple[str, Record]]:
    met: set[str] = set()
    for place, record in placed:
        identifier = text_id(record.query)
        if identifier in sample and identifier not in met:
            met.add(identifier)
            yield place, record


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


def _all(files: list[Path], what: str) -> Iterator[tuple[str, Record]]:
    for file in files:
        yield from tqdm(read_placed(file), desc=f"{what} {file.name}", unit="line", leave=False)
