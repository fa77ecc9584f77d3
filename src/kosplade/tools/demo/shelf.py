"""The corpus that the page searches, and how what is loaded in the background says how far it is."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kosplade.console import say
from kosplade.errors import UserError, refusal
from kosplade.params import Params
from kosplade.paths import PREPARED
from kosplade.retrieval.beir import SPLITS, Collection, read_collection, read_documents


@dataclass(eq=False)
class Thing:
    """Something to load: `done` of `total` documents, all if it is ready, or the error that ended it."""

    name: str
    step: str = "waiting"  # a key of wording.yaml
    done: int = 0
    total: int = 1
    error: str = ""

    @property
    def is_ready(self) -> bool:
        return self.done == self.total

    def attempt(self, step: Callable[[], None]) -> None:
        """Take a step of loading unless an earlier one failed; a page shows one sentence, whatever a library raises."""
        try:
            if not self.error:
                step()
        except Exception as error:
            known = isinstance(error, UserError)
            self.error = str(error) if known else refusal(error, "Load fewer models") or f"{self.name}: {error!r}"
            say("demo", self.error)


class NotReady(Exception):
    """A thing that cannot be used yet."""

    def __init__(self, thing: Thing):
        super().__init__(thing.name)
        self.thing = thing


def need(thing: Thing, is_there: bool) -> None:
    """Raise UserError for a thing that failed to load, NotReady for one of which the needed part is not there yet."""
    if thing.error:
        raise UserError(thing.error)
    if not is_there:
        raise NotReady(thing)


class Corpus(Thing):
    """Documents of a BEIR folder or a JSONL file, with the queries and judgements of all splits that there are."""

    def __init__(self, place: Path, params: Params, stopped: threading.Event):
        super().__init__(str(place), "reading")
        self.place, self.params, self.stopped = place, params, stopped
        self.splits: dict[str, Collection] = {}
        self.rows: dict[str, int] = {}
        self.judged: dict[str, dict[str, int]] = {}

    @property
    def main(self) -> Collection:
        """The documents, and the queries of the split that results are quoted on."""
        return self.splits["test"] if "test" in self.splits else next(reversed(self.splits.values()))

    def read(self) -> None:
        """Raises UserError for a place that is not there and for broken lines."""
        if not self.place.exists():
            how = (
                "Run: make repro"
                if self.place == PREPARED
                else "Name a BEIR folder or a JSONL file: make demo DIR=PATH"
            )
            raise UserError(f"{self.place} not found. {how}")
        names = sorted((path.stem for path in self.place.glob("qrels/*.tsv")), key=lambda name: (name in SPLITS, name))
        splits = {name: read_collection(self.place, name) for name in names}
        if not splits:
            file = self.place / "corpus.jsonl" if self.place.is_dir() else self.place
            texts = {one.id: one.whole for one in read_documents(file)}
            splits[""] = Collection(list(texts), list(texts.values()), [], [], [], {})
        self.splits = splits
        self.rows = {id_: row for row, id_ in enumerate(self.main.document_ids)}
        if not self.rows:
            raise UserError(f"{self.place}: no documents. Put one JSON object a line: _id, text.")
        for split in splits.values():
            self.judged |= {text: split.qrels[id_] for id_, text in zip(split.query_ids, split.queries, strict=True)}
        self.done = self.total
        say("demo", f"{self.place}: {len(self.rows)} documents, {len(self.judged)} judged queries")
