"""Training records in JSONL, as every other part reads them: streamed, checked, without held-out text."""

import csv
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kosplade.corpus.text import text_id
from kosplade.errors import UserError
from kosplade.files import has_half_character, read_jsonl, read_numbered


@dataclass(frozen=True)
class Record:
    """A query, a text that answers it, and texts that do not."""

    query: str
    positive: str
    negatives: tuple[str, ...]
    kind: str = ""


def training_files(folder: Path) -> list[Path]:
    """The train_*.jsonl of a folder, sorted; none, or only empty ones, is a UserError."""
    files = sorted(Path(folder).glob("train_*.jsonl"))
    if not any(file.stat().st_size for file in files):
        raise UserError(f"{folder} has no training data. Run: make prepare-v25-data, or put train_*.jsonl there")
    return files


def read_training(folder: Path) -> Iterator[Record]:
    """Stream the training records without those that touch held-out text; negatives that do are dropped."""
    files = training_files(folder)
    kept_out = held_out(folder)
    for file in files:
        for record in read_records(file):
            if not touches(record, kept_out):
                negatives = tuple(text for text in record.negatives if text_id(text) not in kept_out)
                yield Record(record.query, record.positive, negatives, record.kind)


def touches(record: Record, ids: frozenset[str]) -> bool:
    """Whether the query or the positive of a record is among `ids`."""
    return text_id(record.query) in ids or text_id(record.positive) in ids


def read_records(file: Path) -> Iterator[Record]:
    """Stream all records of one JSONL file; `negative` may be missing, a string or a list of strings."""
    for number, row in read_numbered(file, required=("query", "positive")):
        negatives = row.get("negative") or []
        if isinstance(negatives, str):
            negatives = [negatives]
        if not isinstance(negatives, list) or not all(isinstance(text, str) for text in negatives):
            raise UserError(f"{file}:{number}: field 'negative' must be a string or a list of strings.")
        if any(map(has_half_character, negatives)):
            raise UserError(f"{file}:{number}: field 'negative' holds half a character (a lone surrogate). Repair it.")
        negatives = tuple(unicodedata.normalize("NFC", text) for text in negatives if text.strip())
        yield Record(row["query"], row["positive"], negatives, str(row.get("kind", "")))


def held_out(folder: Path) -> frozenset[str]:
    """Ids of the texts training may not touch: queries of val and test, passages judged for them."""
    folder = Path(folder)
    ids: set[str] = set()
    if (folder / "val.jsonl").exists():
        for record in read_records(folder / "val.jsonl"):
            ids.update((text_id(record.query), text_id(record.positive)))
    if (folder / "queries.jsonl").exists():
        ids.update(text_id(row["text"]) for row in read_jsonl(folder / "queries.jsonl", required=("_id", "text")))
    for qrels in sorted(folder.glob("qrels/*.tsv")):
        with qrels.open(encoding="utf-8", newline="") as lines:
            ids.update(row["corpus-id"] for row in csv.DictReader(lines, delimiter="\t"))
    return frozenset(ids)
