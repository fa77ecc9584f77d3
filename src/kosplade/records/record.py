"""Training records in JSONL, as every other part reads them: streamed and checked."""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kosplade.errors import UserError
from kosplade.records.jsonl import read_numbered
from kosplade.records.text import has_half_character, is_blank, text_key


@dataclass(frozen=True)
class Record:
    """A query, a text that answers it, and texts that do not.

    `answers` are the numbers (`text_number`) of all texts that are known to answer the query.
    """

    query: str
    positive: str
    negatives: tuple[str, ...]
    kind: str = ""
    answers: tuple[int, ...] = ()


def training_files(folder: Path) -> list[Path]:
    """The train_*.jsonl of a folder, sorted; none, or only empty ones, is a UserError."""
    files = sorted(Path(folder).glob("train_*.jsonl"))
    if not any(file.stat().st_size for file in files):
        raise UserError(
            f"{folder} has no train_*.jsonl with records. Put yours there (a queue and --temp see files that "
            "`dvc add` tracks), or set data.source=embedded."
        )
    return files


def touches(record: Record, keys: frozenset[str]) -> bool:
    """Whether the query or the positive of a record is among `keys`."""
    return text_key(record.query) in keys or text_key(record.positive) in keys


def read_records(file: Path) -> Iterator[Record]:
    """Stream all records of one JSONL file; `negative` may be missing, null, a string or a list of strings.

    Of the negatives blank ones are left out. `kind` may be missing, null or a string.
    """
    return (record for _, record in read_placed(file))


def read_placed(file: Path) -> Iterator[tuple[str, Record]]:
    """Stream ("file:line", record) of one JSONL file, as `read_records` does."""
    for number, row in read_numbered(file, required=("query", "positive")):
        negatives = [] if row.get("negative") is None else row["negative"]
        if isinstance(negatives, str):
            negatives = [negatives]
        if not isinstance(negatives, list) or not all(isinstance(text, str) for text in negatives):
            raise UserError(f"{file}:{number}: field 'negative' must be a string or a list of strings.")
        if any(map(has_half_character, negatives)):
            raise UserError(f"{file}:{number}: field 'negative' holds half a character (a lone surrogate). Repair it.")
        negatives = tuple(unicodedata.normalize("NFC", text) for text in negatives if not is_blank(text))
        kind = "" if row.get("kind") is None else row["kind"]
        if not isinstance(kind, str):
            raise UserError(f"{file}:{number}: field 'kind' must be a string.")
        yield f"{file}:{number}", Record(row["query"], row["positive"], negatives, kind)
