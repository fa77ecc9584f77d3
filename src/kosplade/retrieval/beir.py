"""Reading an evaluation collection from a BEIR folder."""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kosplade.errors import UserError
from kosplade.files import is_blank, read_jsonl

SPLITS = ("val", "test")
HEADER = ["query-id", "corpus-id", "score"]


@dataclass(frozen=True)
class Collection:
    """Documents, the queries of one split and their judgements; ids and texts are parallel, in file order."""

    document_ids: list[str]
    documents: list[str]
    query_ids: list[str]
    queries: list[str]
    query_kinds: list[str | None]
    qrels: dict[str, dict[str, int]]


def read_splits(folder: Path) -> dict[str, Collection]:
    """The folder's validation split and, where it has one, its test split; the corpus is the same."""
    present = [split for split in SPLITS if split == "val" or (Path(folder) / f"qrels/{split}.tsv").exists()]
    return {split: read_collection(folder, split) for split in present}


def read_collection(folder: Path, split: str, *, with_titles: bool = True) -> Collection:
    """Read `corpus.jsonl` (`_id, title, text`), `queries.jsonl` (`_id, text[, kind]`), `qrels/<split>.tsv`.

    A document is its title, a line break and its text; either alone where the other is blank. Without
    `with_titles` it is its text alone: where the queries were made of headings, a title gives them away. Only queries
    with a judgement in the split are kept. A score of 0 or below means "not relevant".

    Raises UserError for a missing file, a broken line, an empty text, a duplicate id, a judgement of an
    unknown query or document, a score that is not a whole number, two scores for one pair, and a split
    without judgements.
    """
    folder = Path(folder)
    corpus_file, queries_file = folder / "corpus.jsonl", folder / "queries.jsonl"
    qrels_file = folder / "qrels" / f"{split}.tsv"
    for file in (corpus_file, queries_file, qrels_file):
        if not file.is_file():
            raise UserError(f"{file} not found. Needed: corpus.jsonl, queries.jsonl, qrels/{split}.tsv.")

    records = _by_id(corpus_file, ("_id",))
    fields = ("title", "text") if with_titles else ("text",)
    documents = {id_: _document_text(record, fields, corpus_file) for id_, record in records.items()}
    queries = _by_id(queries_file, ("_id", "text"))
    for id_, query in queries.items():
        if not isinstance(query.get("kind"), str | None):
            raise UserError(f"{queries_file}: query '{id_}' has a kind that is not a string. Repair or remove it.")
    qrels = _read_qrels(qrels_file, queries, documents)
    kept = [id_ for id_ in queries if id_ in qrels]
    if not kept:
        raise UserError(f"{qrels_file}: no judgements, so no queries are left. Choose another split.")
    return Collection(
        document_ids=list(documents),
        documents=list(documents.values()),
        query_ids=kept,
        queries=[queries[id_]["text"] for id_ in kept],
        query_kinds=[queries[id_].get("kind") for id_ in kept],
        qrels={id_: qrels[id_] for id_ in kept},
    )


def _by_id(file: Path, required: tuple[str, ...]) -> dict[str, dict]:
    records = {}
    for record in read_jsonl(file, required):
        if record["_id"] in records:
            raise UserError(f"{file}: _id '{record['_id']}' occurs twice. Ids must be unique.")
        records[record["_id"]] = record
    return records


def _document_text(record: dict, fields: tuple[str, ...], file: Path) -> str:
    # Public BEIR corpora have documents with a title only, so a blank text alone is not an error.
    parts = ["" if record.get(field) is None else record[field] for field in fields]
    if not all(isinstance(part, str) for part in parts):
        raise UserError(f"{file}: document '{record['_id']}' has a {' or '.join(fields)} that is not a string.")
    text = "\n".join(part for part in parts if not is_blank(part))
    if not text:
        raise UserError(f"{file}: document '{record['_id']}' has no {' or '.join(fields)}. Remove or fill it.")
    return text


def _read_qrels(file: Path, queries: dict, documents: dict) -> dict[str, dict[str, int]]:
    qrels: dict[str, dict[str, int]] = {}
    for place, (query_id, document_id, score) in _qrels_rows(file):
        if query_id not in queries:
            raise UserError(f"{place}: query '{query_id}' is not in queries.jsonl.")
        if document_id not in documents:
            raise UserError(f"{place}: document '{document_id}' is not in corpus.jsonl.")
        if not _is_whole_number(score):
            raise UserError(f"{place}: score '{score}' is not a whole number.")
        if qrels.setdefault(query_id, {}).setdefault(document_id, int(score)) != int(score):
            raise UserError(f"{place}: '{query_id}' and '{document_id}' have another score on an earlier line.")
    return qrels


def _qrels_rows(file: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield (`file:line`, the three fields) of every line below the header; blank lines are allowed."""
    try:
        # read_jsonl normalises ids to NFC; an id spelled in NFD here must still match.
        lines = unicodedata.normalize("NFC", file.read_text(encoding="utf-8-sig")).split("\n")
    except UnicodeDecodeError as error:
        raise UserError(f"{file}: not UTF-8 ({error}).") from None
    for number, line in enumerate(lines, start=1):
        place, fields = f"{file}:{number}", [field.strip() for field in line.split("\t")]
        if fields == [""]:
            continue
        if len(fields) != 3:
            raise UserError(f"{place}: query-id, corpus-id and score are expected, separated by tabs.")
        if number > 1:
            yield place, fields
        elif fields != HEADER:
            raise UserError(f"{place}: the header ({', '.join(HEADER)}) is expected, separated by tabs.")


def _is_whole_number(text: str) -> bool:
    digits = text.removeprefix("-")
    return digits.isdecimal() and len(digits) < 10  # as many as 32 bits hold
