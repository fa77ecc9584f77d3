"""Training records in JSONL, as every other part reads them: streamed, checked, without held-out text."""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kosplade.errors import UserError
from kosplade.files import has_half_character, is_blank, read_jsonl, read_numbered
from kosplade.records.text import text_key


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
                negatives = tuple(text for text in record.negatives if text_key(text) not in kept_out)
                yield Record(record.query, record.positive, negatives, record.kind)


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


def held_out(folder: Path) -> frozenset[str]:
    """Keys (`text_key`) of what training may not touch: queries of val and test, passages judged for them.

    Raises UserError for a judged passage whose text is nowhere: it could not be kept out.
    """
    folder = Path(folder)
    keys: set[str] = set()
    if (folder / "val.jsonl").exists():
        for record in read_records(folder / "val.jsonl"):
            keys.update((text_key(record.query), text_key(record.positive)))
    if (folder / "queries.jsonl").exists():
        keys.update(text_key(row["text"]) for row in read_jsonl(folder / "queries.jsonl", required=("_id", "text")))
    judged = {identifier: qrels for qrels in sorted(folder.glob("qrels/*.tsv")) for identifier in _judged(qrels)}
    corpus = folder / "corpus.jsonl"
    for row in read_jsonl(corpus, required=("_id", "text")) if judged and corpus.exists() else ():
        if judged.pop(row["_id"], None):
            keys.add(text_key(row["text"]))
    for identifier, qrels in judged.items():
        raise UserError(f"{qrels} judges passage {identifier}, which {corpus} lacks. Run: dvc repro -f prepare")
    return frozenset(keys)


def _judged(qrels: Path) -> Iterator[str]:
    """The ids of the passages that a qrels file names, below its header."""
    try:
        lines = qrels.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise UserError(f"{qrels}: not UTF-8 ({error}). Save it as UTF-8.") from None
    except OSError as error:
        raise UserError(f"{qrels} cannot be opened ({error.strerror}). Put a file there.") from None
    for number, line in enumerate(lines, start=1):
        fields = [field.strip() for field in line.split("\t")]
        if fields == [""]:
            continue
        if len(fields) != 3:
            raise UserError(f"{qrels}:{number}: query-id, corpus-id and score are expected, separated by tabs.")
        if number > 1:
            yield fields[1]
