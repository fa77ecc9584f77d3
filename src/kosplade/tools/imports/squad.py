"""SQuAD-style JSON (KorQuAD, KLUE-MRC): questions with the passage that holds their answer."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel, Field

from kosplade.corpus.folder import write_beir
from kosplade.errors import UserError
from kosplade.files import write_jsonl
from kosplade.records.text import clean, passages, text_key
from kosplade.tools.imports.rows import rows


class Answer(BaseModel):
    """Its text, and its first character in the context."""

    text: str
    answer_start: int = Field(ge=0)


class Question(BaseModel):
    """Without answers, where the context holds none (KLUE-MRC)."""

    question: str
    answers: list[Answer]


class Paragraph(BaseModel):
    """A text and what is asked about it."""

    context: str
    qas: list[Question]


class Article(BaseModel):
    """Paragraphs under one title."""

    paragraphs: list[Paragraph]


class Squad(BaseModel):
    """The file."""

    data: list[Article]


def convert_squad(folder: Path, files: dict[str, tuple[str, ...]], train: Path, beir: Path, max_chars: int) -> str:
    """Write training pairs to `train` and the dev questions to the BEIR folder `beir`; return a line that counts them.

    Paragraphs are cut at sentence ends into passages of at most `max_chars` characters, as the project's own documents
    are. A question whose answer is in no passage is left out, and a training pair that shares a text with dev.
    Raises UserError with its place for a shape other than SQuAD's, and where no question is left.
    """
    made, lost = {}, Counter()
    for split, names in files.items():
        pairs, texts, left_out = cut((one for name in names for one in read(folder / name)), max_chars)
        if not pairs:
            raise UserError(f"{folder / names[0]}: no passage holds an answer. Raise data.max_passage_chars.")
        made[split] = pairs, texts
        lost += left_out
    pairs, texts = made["dev"]
    held_out = {text_key(one) for one in (*texts, *(query for query, _ in pairs))}
    kept = [pair for pair in made["train"][0] if held_out.isdisjoint(map(text_key, pair))]
    lost["share text with dev"] = len(made["train"][0]) - len(kept)
    write_jsonl(train, ({"query": query, "positive": positive} for query, positive in kept))
    write_beir(beir, {"test": ((query, positive, "question") for query, positive in pairs)}, texts)
    left_out = ", ".join(f"{count:,} {reason}" for reason, count in sorted(lost.items()) if count) or "none"
    return (
        f"{len(kept):,} training pairs, {len(pairs):,} dev questions, {len(texts):,} dev passages of at most "
        f"{max_chars} characters; questions left out: {left_out}"
    )


def read(path: Path) -> list[Paragraph]:
    """The paragraphs of a file; a shape other than SQuAD's is a UserError."""
    return [paragraph for squad in rows(path, Squad) for article in squad.data for paragraph in article.paragraphs]


def cut(paragraphs: Iterable[Paragraph], max_chars: int) -> tuple[list[tuple[str, str]], list[str], Counter[str]]:
    """Return (question, passage that holds its answer) without repetition, all passages, and what was left out why."""
    pairs: dict[tuple[str, str], None] = {}
    texts: dict[str, None] = {}
    left_out = Counter()
    for paragraph in paragraphs:
        found = _located(paragraph.context, passages(paragraph.context, max_chars))
        texts |= dict.fromkeys(passage for _, passage in found)
        for one in paragraph.qas:
            query = clean(one.question)
            if not one.answers:
                left_out["without an answer"] += 1
                continue
            first = len(_letters(paragraph.context[: one.answers[0].answer_start]))
            wanted = _letters(one.answers[0].text)
            held = [p for at, p in found if at <= first and _letters(p)[first - at :].startswith(wanted)]
            if not held:
                left_out["without a passage"] += 1
            elif (query, held[0]) in pairs:
                left_out["repeated"] += 1
            else:
                pairs[query, held[0]] = None
    return list(pairs), list(texts), left_out


def _located(context: str, found: list[str]) -> list[tuple[int, str]]:
    """Passages with the number of letters before them: cleaning moves spaces, never letters."""
    whole, at, located = _letters(context), 0, []
    for passage in found:
        at = whole.index(_letters(passage), at)
        located.append((at, passage))
        at += len(_letters(passage))
    return located


def _letters(part: str) -> str:
    return "".join(clean(part).split())
