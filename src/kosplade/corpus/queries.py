"""The questions written for this project: data/queries/{train,val,wider,test}.jsonl, checked against the passages."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError
from pydantic.dataclasses import dataclass

from kosplade.errors import UserError, shown
from kosplade.records.jsonl import read_numbered
from kosplade.records.text import normalised

HELD_OUT = ("val", "wider", "test")
SPLITS = ("train", *HELD_OUT)
LONGEST_COPY = 30  # characters a query may share with its passage in one run, less one


@dataclass(frozen=True)
class Query:
    """A query, the ids of the passages that answer it, and how it asks."""

    text: str
    passages: Annotated[tuple[str, ...], Field(min_length=1)]
    kind: Literal["keyword", "question", "paraphrase", "cross-lingual"]


def read_queries(
    folder: Path, texts: Mapping[str, str], splits: Mapping[str, str], *, are_all_listed: bool = True
) -> dict[str, list[Query]]:
    """Read and check the queries of every split.

    `texts` maps passage ids to their text, `splits` to the split of their document. Raises UserError with file and line
    for a field of another shape, a repeated query, a query that copies 30 characters of its passage or has no letter of
    Hangul (unless cross-lingual), a passage of another split; and with all ids for judged passages that are gone.
    Unless `are_all_listed`, such passages are of texts that were left out: so are the queries that only they answer,
    and `wider` may have none.
    """
    found: dict[str, list[Query]] = {}
    seen: dict[str, str] = {}
    gone: list[str] = []
    for split in SPLITS:
        found[split] = []
        path = folder / f"{split}.jsonl"
        for number, row in read_numbered(path, required=("query", "kind")):
            place = f"{path}:{number}"
            try:
                query = Query(text=row["query"], passages=row.get("passages"), kind=row["kind"])
            except ValidationError as error:
                first = error.errors()[0]
                name = first["loc"][0]
                raise UserError(f"{place}: field '{name}': {first['msg']}, not {shown(first['input'])}.") from None
            missing = [identifier for identifier in query.passages if identifier not in texts]
            if missing and not are_all_listed:
                left = tuple(id_ for id_ in query.passages if id_ in texts)
                if not left:
                    continue
                query, missing = replace(query, passages=left), []
            gone += missing
            if not missing:
                _check(query, place, split, texts, splits)
            key = normalised(query.text)
            if key in seen:
                raise UserError(f"{place}: the query of {seen[key]} again. Remove one of them.")
            seen[key] = place
            found[split].append(query)
    if gone:
        raise UserError(
            f"{len(gone)} passages judged in {folder} are not among the prepared ones: {' '.join(gone[:20])}"
            f"{' ...' if len(gone) > 20 else ''}. A change of data.max_passages, data.max_passage_chars, of the "
            "listed texts (data/sources.yaml) or of the cleaning drops or alters them; undo it, or judge these again."
        )
    if empty := [split for split in ("val", "test") if not found[split]]:
        raise UserError(f"{folder}: no query of the split {empty[0]} is answered by the listed texts. List another.")
    return found


def _check(query: Query, place: str, split: str, texts: Mapping[str, str], splits: Mapping[str, str]) -> None:
    if query.kind != "cross-lingual" and not any("가" <= c <= "힣" for c in query.text):
        raise UserError(f"{place}: no Hangul in a query of kind {query.kind}. Its kind may be cross-lingual.")
    for identifier in query.passages:
        # A training passage may also answer a test query; a passage that is held out must never be trained on.
        if split == "train" and splits[identifier] != "train":
            raise UserError(
                f"{place}: passage {identifier} belongs to {splits[identifier]}. Choose a training passage."
            )
        if copies(query.text, texts[identifier], LONGEST_COPY):
            raise UserError(
                f"{place}: copies {LONGEST_COPY} characters of passage {identifier}. Say it in other words."
            )


def copies(query: str, text: str, length: int) -> bool:
    """Whether some run of `length` characters of the query stands in the text."""
    return any(query[i : i + length] in text for i in range(len(query) - length + 1))
