"""The records that training may see: none that touches held-out text, and no answer of a query among its negatives."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from kosplade.records.record import Record, read_placed, touches
from kosplade.records.text import text_key, text_number


def pair_numbers(files: Sequence[Path]) -> np.ndarray:
    """uint64 [N, 2]: `text_number` of query and positive of every record, in order. Checks every line on the way."""
    pairs = (text for file in files for _, record in read_placed(file) for text in (record.query, record.positive))
    return np.fromiter(map(text_number, pairs), dtype=np.uint64).reshape(-1, 2)


class KnownAnswers:
    """Which texts are known to answer a query: the positives of all records that ask it.

    In support data many questions share an answer, and some questions have several. In a batch such a text is a
    document of another record, and it must not count as wrong.
    """

    def __init__(self, pairs_N2: np.ndarray) -> None:
        self._pairs_P2 = np.unique(pairs_N2, axis=0)

    def __call__(self, query: str) -> tuple[int, ...]:
        """The numbers of the texts that answer a query, rising."""
        queries_P, number = self._pairs_P2[:, 0], np.uint64(text_number(query))
        start, stop = np.searchsorted(queries_P, number), np.searchsorted(queries_P, number, side="right")
        return tuple(self._pairs_P2[start:stop, 1].tolist())


@dataclass
class LeftOut:
    """What `read_training` leaves out, counted by reason, with the place of the first of each."""

    counts: dict[str, int] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)

    def add(self, reason: str, place: str) -> None:
        """Count one more."""
        self.counts[reason] = self.counts.get(reason, 0) + 1
        self.places.setdefault(reason, place)

    def lines(self) -> list[str]:
        """One line a reason."""
        return [f"{count:,} {reason} (first: {self.places[reason]})" for reason, count in self.counts.items()]


def read_training(
    files: Sequence[Path], kept_out: frozenset[str], answers: KnownAnswers, left: LeftOut
) -> Iterator[Record]:
    """Stream the records with the answers of their queries, without those that touch `kept_out` (`text_key`s).

    Negatives that do, and those that are known to answer the query, are dropped. `left` counts what is left out.
    """
    for file in files:
        for place, record in read_placed(file):
            if touches(record, kept_out):
                left.add("records are held out, or repeat text that is, and are not trained on", place)
                continue
            known = answers(record.query)
            negatives = []
            for text in record.negatives:
                if text_key(text) in kept_out:
                    left.add("negatives repeat text that is held out and are dropped", place)
                elif text_number(text) in known:
                    left.add("negatives answer their own query and are dropped", place)
                else:
                    negatives.append(text)
            yield replace(record, negatives=tuple(negatives), answers=known)
