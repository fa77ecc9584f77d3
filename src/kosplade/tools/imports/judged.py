"""Collections with judgements (BEIR on the Hugging Face hub, MIRACL) as the BEIR folder that the project evaluates.

Ids, repetitions and judgements of unknown texts are not looked at here: `kosplade.retrieval.beir` checks every line of
the folder before an evaluation.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

from pydantic import AliasChoices, BaseModel, BeforeValidator, Field, ValidationError
from tqdm import tqdm

from kosplade.errors import UserError
from kosplade.files import write_jsonl
from kosplade.records.text import is_blank
from kosplade.tools.imports.rows import BROKEN, rows, shape_error

Files = dict[str, tuple[str, ...]]
Text = Annotated[str, BeforeValidator(lambda text: "" if text is None else text)]


class Document(BaseModel):
    """A row of a corpus; MIRACL calls the id `docid`."""

    id: str = Field(validation_alias=AliasChoices("_id", "docid"))
    title: Text = ""
    text: Text = ""


class Query(BaseModel):
    """A row of queries."""

    id: str = Field(validation_alias="_id")
    text: str


class Judgement(BaseModel):
    """A row of qrels; a score of 1.0 or "1" is 1, as public sets have it."""

    query: str = Field(validation_alias="query-id")
    document: str = Field(validation_alias="corpus-id")
    score: int


def convert_beir(folder: Path, files: Files, beir: Path) -> str:
    """Convert corpus (`_id, title, text`), queries (`_id, text`), qrels (`query-id, corpus-id, score`).

    Each is JSONL, gzipped JSONL or Parquet. Writes the BEIR folder `beir`; returns a line that counts what is in it.
    Raises UserError for a row of another shape and a broken file.
    """
    documents, queries, judgements = (
        _all(folder, files[role], model)
        for role, model in (("corpus", Document), ("queries", Query), ("qrels", Judgement))
    )
    return _write(beir, documents, queries, judgements)


def convert_miracl(folder: Path, files: Files, beir: Path) -> str:
    """Convert topics (`id<tab>query`), qrels in TREC's form, corpus (`docid, title, text` as gzipped JSONL).

    Writes the BEIR folder `beir`; returns a line that counts what is in it. Raises UserError as `convert_beir`.
    """
    documents = _all(folder, files["corpus"], Document)
    queries = _fields(folder, files["topics"], ("_id", "text"), Query)
    judgements = _fields(folder, files["qrels"], ("query-id", "Q0", "corpus-id", "score"), Judgement)
    return _write(beir, documents, queries, judgements)


def _all(folder: Path, files: tuple[str, ...], model: type[BaseModel]) -> Iterator:
    for name in files:
        yield from rows(folder / name, model)


def _fields(folder: Path, files: tuple[str, ...], names: tuple[str, ...], model: type[BaseModel]) -> Iterator:
    """The lines of files of tab-separated values without a header."""
    for name in files:
        try:
            lines = (folder / name).read_text(encoding="utf-8-sig").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"{folder / name}: cannot be read ({error}). {BROKEN}") from None
        for number, line in enumerate(lines, start=1):
            if line.strip():
                try:
                    yield model.model_validate(dict(zip(names, line.split("\t"), strict=False)))
                except ValidationError as error:
                    raise UserError(f"{folder / name}:{number}: {shape_error(error)}. {BROKEN}") from None


def _write(beir: Path, documents: Iterable[Document], queries: Iterable[Query], qrels: Iterable[Judgement]) -> str:
    judged = {(one.query, one.document): one.score for one in qrels}
    asked = {query for query, _ in judged}
    texts = {query.id: query.text for query in queries}
    seen = (
        {"_id": document.id, "title": document.title, "text": document.text}
        for document in tqdm(documents, desc="writing the corpus", unit="document", leave=False)
        if not is_blank(document.title + document.text)
    )
    count = write_jsonl(beir / "corpus.jsonl", seen)
    write_jsonl(beir / "queries.jsonl", ({"_id": id_, "text": text} for id_, text in texts.items() if id_ in asked))
    (beir / "qrels").mkdir()
    lines = [f"{query}\t{document}\t{score}\n" for (query, document), score in judged.items()]
    (beir / "qrels/test.tsv").write_text("".join(["query-id\tcorpus-id\tscore\n", *lines]), encoding="utf-8")
    return (
        f"{len(asked):,} queries ({len(texts) - len(asked):,} more without a judgement left out), "
        f"{len(judged):,} judgements, {count:,} documents"
    )
