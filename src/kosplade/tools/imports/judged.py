"""Collections with judgements (BEIR on the Hugging Face hub, MIRACL) as the BEIR folder that the project evaluates.

Ids, repetitions and judgements of unknown texts are not looked at here: `kosplade.retrieval.beir` checks every line of
the folder before an evaluation.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import AliasChoices, BaseModel, BeforeValidator, Field
from tqdm import tqdm

from kosplade.files import write_jsonl
from kosplade.records.text import is_blank
from kosplade.tools.imports.rows import rows

Text = Annotated[str, BeforeValidator(lambda text: "" if text is None else text)]


class Document(BaseModel):
    """A row of a corpus (there is none as TSV); MIRACL calls the id `docid`."""

    id: str = Field(validation_alias=AliasChoices("_id", "docid"))
    title: Text = ""
    text: Text = ""


class Query(BaseModel):
    """A row of queries."""

    columns: ClassVar = ("_id", "text")
    id: str = Field(validation_alias="_id")
    text: str


class Judgement(BaseModel):
    """A row of qrels, as TSV in TREC's form; a score of 1.0 or "1" is 1, as public sets have it."""

    columns: ClassVar = ("query-id", "Q0", "corpus-id", "score")
    query: str = Field(validation_alias="query-id")
    document: str = Field(validation_alias="corpus-id")
    score: int


def convert_judged(folder: Path, files: Mapping[str, Sequence[str]], beir: Path) -> str:
    """Write the BEIR folder `beir` of the files in `folder`, by role; return a line that counts what is in it.

    Raises UserError for a row of another shape and a broken file.
    """

    def all_rows(role: str, model: type[BaseModel]) -> Iterator:
        return chain.from_iterable(rows(folder / name, model) for name in files[role])

    judged = {(one.query, one.document): one.score for one in all_rows("qrels", Judgement)}
    asked = {query for query, _ in judged}
    texts = {query.id: query.text for query in all_rows("queries", Query)}
    seen = (
        {"_id": document.id, "title": document.title, "text": document.text}
        for document in tqdm(all_rows("corpus", Document), desc="writing the corpus", unit="document", leave=False)
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
