"""Reading a BEIR folder: documents, queries and judgements, checked line by line."""

import re
import unicodedata
from collections.abc import Collection as Ids
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kosplade.errors import UserError, shown
from kosplade.records.document import Document, to_document
from kosplade.records.jsonl import read_numbered

SPLITS = ("val", "wider", "test")  # the last that a folder has is the one that is reported
HEADER = ["query-id", "corpus-id", "score"]
_WHOLE_NUMBER = re.compile(r"(-?[0-9]{1,9})(\.0*)?")  # as many digits as 32 bits hold


@dataclass(frozen=True)
class Query:
    """A line of queries.jsonl."""

    id: str
    text: str
    kind: str | None


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
    """The folder's validation split and what else it has of SPLITS; the corpus is the same."""
    present = [split for split in SPLITS if split == "val" or (Path(folder) / f"qrels/{split}.tsv").exists()]
    return {split: read_collection(folder, split) for split in present}


def read_collection(folder: Path, split: str, *, with_titles: bool = True) -> Collection:
    """Read `corpus.jsonl` (`_id, title, text`), `queries.jsonl` (`_id, text[, kind]`), `qrels/<split>.tsv`.

    A document is `Document.whole`. Without `with_titles` it is its text alone: where the queries were made of headings,
    a title gives them away. Only queries with a judgement in the split are kept. A score of 0 or below means "not
    relevant".

    Raises UserError for a missing file, for what the readers below refuse, a judgement of an unknown query or document,
    two scores for one pair, and a split without judgements.
    """
    folder = Path(folder)
    qrels_file = folder / "qrels" / f"{split}.tsv"
    for file in (folder / "corpus.jsonl", folder / "queries.jsonl", qrels_file):
        if not file.is_file():
            splits = ", ".join(sorted(path.stem for path in folder.glob("qrels/*.tsv"))) or "none"
            raise UserError(
                f"{file} not found. Needed: corpus.jsonl, queries.jsonl, qrels/{split}.tsv (splits there: {splits})."
            )
    documents = {d.id: d.whole for d in read_documents(folder / "corpus.jsonl", with_titles=with_titles)}
    queries = {query.id: query for query in read_queries(folder / "queries.jsonl")}
    find_query, find_document = _Finder(queries), _Finder(documents)
    qrels: dict[str, dict[str, int]] = {}
    for place, asked, judged, score in read_qrels(qrels_file):
        query_id, document_id = find_query(asked), find_document(judged)
        if query_id is None:
            raise UserError(f"{place}: query {shown(asked)} is not in queries.jsonl. Add it or remove the line.")
        if document_id is None:
            raise UserError(f"{place}: document {shown(judged)} is not in corpus.jsonl. Add it or remove the line.")
        if qrels.setdefault(query_id, {}).setdefault(document_id, score) != score:
            raise UserError(f"{place}: {shown(asked)} and {shown(judged)} have another score on an earlier line.")
    kept = [query for id_, query in queries.items() if id_ in qrels]
    if not kept:
        raise UserError(f"{qrels_file}: no judgements, so no queries are left. Choose another split.")
    return Collection(
        document_ids=list(documents),
        documents=list(documents.values()),
        query_ids=[query.id for query in kept],
        queries=[query.text for query in kept],
        query_kinds=[query.kind for query in kept],
        qrels={query.id: qrels[query.id] for query in kept},
    )


def read_documents(file: Path, *, with_titles: bool = True) -> Iterator[Document]:
    """Stream corpus.jsonl; without `with_titles` titles read "".

    Raises UserError, with `file:line`, for a broken line, a repeated id, and a document without text (one of the two,
    with titles: public BEIR corpora have documents with a title only).
    """
    for place, record in _unique(file, ("_id",)):
        yield to_document(place, record, with_titles=with_titles)


def read_queries(file: Path) -> Iterator[Query]:
    """Stream queries.jsonl; UserError, with `file:line`, for a broken line, a repeated id, a kind that is no string."""
    for place, record in _unique(file, ("_id", "text")):
        if not isinstance(record.get("kind"), str | None):
            raise UserError(f"{place}: a kind that is not a string. Repair or remove it.")
        yield Query(record["_id"], record["text"], record.get("kind"))


def read_qrels(file: Path) -> Iterator[tuple[str, str, str, int]]:
    """Stream (`file:line`, query id, document id, score) of a qrels file, ids as they are spelt there.

    Raises UserError, with `file:line`, for bytes that are not UTF-8, a missing header, another number of fields than
    three, and a score that is not a whole number (1.0 is one). Blank lines are allowed.
    """
    try:
        with file.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                place = f"{file}:{number}"
                fields = line.decode("utf-8-sig" if number == 1 else "utf-8").split("\t")
                if len(fields) == 1 and not fields[0].strip():
                    continue
                if number == 1 and [field.strip() for field in fields] != HEADER:
                    raise UserError(f"{place}: the header ({', '.join(HEADER)}) is expected, separated by tabs.")
                if len(fields) != 3:
                    raise UserError(f"{place}: query-id, corpus-id and score are expected, separated by tabs.")
                if number > 1:
                    score = _WHOLE_NUMBER.fullmatch(fields[2].strip())
                    if score is None:
                        raise UserError(f"{place}: score {shown(fields[2].strip())} is not a whole number. Repair it.")
                    yield place, fields[0], fields[1], int(score[1])
    except UnicodeDecodeError as error:
        raise UserError(f"{place}: not UTF-8 ({error.reason}). Save the file as UTF-8.") from None
    except OSError as error:
        raise UserError(f"{file} cannot be opened ({error.strerror}). Put a file there.") from None


def _unique(file: Path, required: tuple[str, ...]) -> Iterator[tuple[str, dict]]:
    """Stream (`file:line`, record) of a file in which no `_id` occurs twice."""
    met: set[str] = set()
    for number, record in read_numbered(file, required):
        if record["_id"] in met:
            raise UserError(f"{file}:{number}: _id {shown(record['_id'])} occurs twice. Ids must be unique.")
        met.add(record["_id"])
        yield f"{file}:{number}", record


class _Finder:
    """The id that a qrels file means: as it stands, else in another Unicode form, with blanks around, or quoted."""

    def __init__(self, ids: Ids[str]) -> None:
        self._ids = ids
        composed = ((unicodedata.normalize("NFC", id_), id_) for id_ in ids)
        self._decomposed = {form: id_ for form, id_ in composed if form != id_}

    def __call__(self, spelt: str) -> str | None:
        spellings = [spelt, spelt.strip()]
        if spellings[1].startswith('"'):  # csv and pandas put an id that holds a quote into quotes, and double it
            spellings.append(spellings[1][1:-1].replace('""', '"'))
        for one in spellings:
            form = unicodedata.normalize("NFC", one)
            found = one if one in self._ids else form if form in self._ids else self._decomposed.get(form)
            if found is not None:
                return found
        return None
