"""SQuAD-style JSON (KorQuAD, KLUE-MRC): questions with the passage that holds their answer."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kosplade.corpus.folder import write_beir
from kosplade.errors import UserError
from kosplade.files import parse_json, write_jsonl
from kosplade.records.text import clean, passages, text_key
from kosplade.tools.imports.rows import read_bytes, text

SHAPE = "SQuAD's JSON is expected: data, paragraphs, context, qas, question, answers, text, answer_start."


@dataclass(frozen=True)
class Paragraph:
    """A text, its (question, answer, first character of the answer), and how many questions have no answer."""

    context: str
    questions: tuple[tuple[str, str, int], ...]
    unanswered: int = 0


@dataclass(frozen=True)
class Pairs:
    """(question, passage) without repetition, all passages, and how many questions gave no pair.

    `lost` have no passage of their own, `unanswered` no answer, `repeated` are there already with the same passage.
    """

    pairs: tuple[tuple[str, str], ...]
    passages: tuple[str, ...]
    lost: int
    unanswered: int = 0
    repeated: int = 0

    @property
    def left_out(self) -> str:
        """The questions that gave no pair, counted."""
        return (
            f"{self.lost:,} questions without a passage, {self.unanswered:,} without an answer, "
            f"{self.repeated:,} repeated"
        )


def convert_squad(folder: Path, files: dict[str, tuple[str, ...]], train: Path, beir: Path, max_chars: int) -> str:
    """Write training pairs to `train` and the dev questions to the BEIR folder `beir`; return a line that counts them.

    Paragraphs are cut at sentence ends into passages of at most `max_chars` characters, as the project's own documents
    are. A question whose answer is in no passage is left out, and a training pair that shares a text with dev.
    """
    made = {}
    for split, references in files.items():
        read = [paragraph for name in references for paragraph in parse(read_bytes(folder, name), f"{folder / name}")]
        made[split] = cut(read, max_chars)
        if not made[split].pairs:
            raise UserError(f"{folder / references[0]}: no passage holds an answer. Raise data.max_passage_chars.")
    dev = made["dev"]
    held_out = {text_key(one) for one in (*dev.passages, *(query for query, _ in dev.pairs))}
    kept = [pair for pair in made["train"].pairs if held_out.isdisjoint(map(text_key, pair))]
    write_jsonl(train, ({"query": query, "positive": positive} for query, positive in kept))
    write_beir(beir, {"test": ((query, positive, "question") for query, positive in dev.pairs)}, dev.passages)
    return (
        f"{len(kept):,} training pairs ({len(made['train'].pairs) - len(kept):,} more share text with dev, "
        f"{made['train'].left_out}); dev: {len(dev.pairs):,} questions ({dev.left_out}), "
        f"{len(dev.passages):,} passages of at most {max_chars} characters"
    )


def parse(data: bytes, place: str) -> Iterator[Paragraph]:
    """Stream the paragraphs of a file's bytes; a shape other than SQuAD's is a UserError with its place."""
    try:
        content = parse_json(data.decode("utf-8-sig"))
    except ValueError as error:
        raise UserError(f"{place}: not JSON ({error}). {SHAPE}") from None
    for i, article in enumerate(_list(content, "data", place)):
        for j, paragraph in enumerate(_list(article, "paragraphs", f"{place}: data[{i}]")):
            here = f"{place}: data[{i}].paragraphs[{j}]"
            asked = [_question(one, f"{here}.qas[{k}]") for k, one in enumerate(_list(paragraph, "qas", here))]
            answered = tuple(filter(None, asked))
            yield Paragraph(text(paragraph, "context", here), answered, len(asked) - len(answered))


def cut(paragraphs: list[Paragraph], max_chars: int) -> Pairs:
    """Cut every paragraph into passages and find, for every question, the one that holds its answer."""
    pairs: dict[tuple[str, str], None] = {}
    seen: dict[str, None] = {}
    lost = repeated = 0
    for paragraph in paragraphs:
        found = _located(paragraph.context, passages(paragraph.context, max_chars))
        seen.update((passage, None) for _, passage in found)
        for query, answer, start in paragraph.questions:
            first, wanted = len(_letters(paragraph.context[:start])), _letters(answer)
            held = [p for at, p in found if at <= first and _letters(p)[first - at :].startswith(wanted)]
            if not held:
                lost += 1
            elif (clean(query), held[0]) in pairs:
                repeated += 1
            else:
                pairs[clean(query), held[0]] = None
    return Pairs(tuple(pairs), tuple(seen), lost, sum(p.unanswered for p in paragraphs), repeated)


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


def _question(one: Any, place: str) -> tuple[str, str, int] | None:
    answers = _list(one, "answers", place)
    if not answers:
        return None
    start = answers[0].get("answer_start") if isinstance(answers[0], dict) else None
    if not isinstance(start, int) or start < 0:
        raise UserError(f"{place}.answers[0]: 'answer_start' is missing or no position. {SHAPE}")
    return text(one, "question", place), text(answers[0], "text", f"{place}.answers[0]"), start


def _list(value: Any, key: str, place: str) -> list:
    found = value.get(key) if isinstance(value, dict) else None
    if not isinstance(found, list):
        raise UserError(f"{place}: '{key}' is missing or not a list. {SHAPE}")
    return found
