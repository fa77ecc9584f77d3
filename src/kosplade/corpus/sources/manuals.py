"""Manuals on national research projects (package korean-rnd-regs-mcp), text taken from PDF pages."""

import json
import re
from collections import Counter
from pathlib import Path, PurePosixPath

from kosplade.corpus.documents import Document, Section
from kosplade.records.text import clean
from kosplade.wheels import members, read_member

_BULLET = re.compile(
    r"^\s*(?:[-–∙•·*※▶▷○●◦□■◇◆➝→þ☞✓Ÿü]|쉞|[①-⑳]|\(?\d{1,2}[.)]\s|\(?[가-하][.)]\s|\([가-힣 ]{2,12}\)|[Ⅰ-Ⅻ]+\.?)"
)
_ARTICLE = re.compile(r"^제\d+조(?:의\d+)?\s*\((?P<title>[^)]{3,60})\)\s*")
_CASE = re.compile(r"^사례\s*\d+\s*\.?$")
_QUESTION = re.compile(r"^Q\s?\d{0,2}\s*[.:)]?\s*(?:\d장\s*<.*>)?(?P<first>.*)$")
_NUMBERED = re.compile(
    r"^(?:\d{1,2}|[가-하]|[①-⑳]|[Ⅰ-Ⅻ]+)[.)]?\s+(?P<title>[가-힣][^.?!:※*]{5,34})(?<![시등및])(?<!경우)$"
)
_CITATION = re.compile(r"제\d+[조항호]")
_LEADING = re.compile(r"^\s*(?:[-–∙•·*※▶▷○●◦□■◇◆➝→þ☞✓Ÿü]|쉞)+\s*")
_REFERENCE = re.compile(r"þ\s*p\.[\d-]+\s*\|[^þ\n]*?참고|\(중략\)|<개정[^>]*>|\[본조신설[^\]]*\]")
_ENDED = re.compile(r"(?:[.!?]|[함음됨임]|가능|불가|필요|마련|유지)[)\]”’*\d]*\s*$")
_LAST_WORD, _FIRST_WORD = re.compile(r"[가-힣]+$"), re.compile(r"^[가-힣]+")


def read(wheel: Path) -> list[Document]:
    """Read every section of the seven manuals as a document; article titles and cases become queries."""
    documents = []
    for path in members(wheel, "korean_rnd_regs_mcp/manual_", ".json"):
        manual = json.loads(read_member(wheel, path, 8 << 20))
        known, headers = _vocabulary(manual), _running_headers(manual)
        name = PurePosixPath(path).stem
        documents += [_document(name, section, known, headers) for section in manual["sections"]]
    return documents


def _document(manual: str, section: dict, known: Counter, headers: frozenset[str]) -> Document:
    lines = [line for page in section["pages"] for line in page["text"].splitlines()]
    label, name = section["section_label"], section["section_title"]
    no_text = headers | {clean(text) for text in ("", label, name, f"{label} {name}", section["chapter_title"])}
    lines = without_tables([line for line in lines if clean(line) not in no_text])
    title = clean(re.sub(r"\([^)]*\)|→.*", "", section["section_title"]))
    return Document("manuals", f"{manual}/{section['id']}", title, tuple(sections(lines, known)))


def without_tables(lines: list[str]) -> list[str]:
    """Drop runs of four or more short lines that end no sentence: cells of tables and charts."""
    kept: list[str] = []
    run: list[str] = []
    for line in [*lines, "."]:
        if len(clean(line)) <= 16 and not _ENDED.search(line) and not _CASE.match(clean(line)):
            run.append(line)
            continue
        kept += run if len(run) < 4 else []
        kept.append(line)
        run = []
    return kept[:-1]


def sections(lines: list[str], known: Counter) -> list[Section]:
    """Cut at headings, articles, cases and questions, and put the broken lines together again."""
    found: list[tuple[str, str, list[str]]] = [("", "", [])]
    asking: list[str] | None = None
    for line in lines:
        bare = clean(line)
        article, numbered, asked = _ARTICLE.match(bare), _NUMBERED.match(bare), _QUESTION.match(bare)
        if asking is not None and _answers(bare, asking):
            found.append(("question", _whole_question(paragraphs(asking, known)), []))
            asking = None
        if _CASE.match(bare):
            asking = []
        elif asked:
            asking = [asked["first"]] if asked["first"] else []
        elif asking is not None:
            asking.append(line)
        elif article:
            found.append(("heading", article["title"], [bare[article.end() :]]))
        elif numbered and not _ENDED.search(bare) and not _CITATION.search(bare):
            found.append(("heading", numbered["title"], []))
        elif bare not in ("정산결과", "적용근거"):
            found[-1][2].append(line)
    return [Section(paragraphs(body, known), ((kind, query),) if query else ()) for kind, query, body in found]


def _answers(line: str, asking: list[str]) -> bool:
    """Whether a line ends the question above it: a bullet, a verdict, or anything after a question mark."""
    return bool(asking) and (
        line == "정산결과" or bool(_LEADING.match(line)) or asking[-1].rstrip().endswith(("?", "지"))
    )


def _whole_question(text: str) -> str:
    asked = text.replace("\n", " ")
    return asked if 15 <= len(asked) <= 160 else ""


def paragraphs(lines: list[str], known: Counter) -> str:
    """Join lines that a page break or the page width cut; bullets and finished sentences stay apart."""
    out: list[str] = []
    for line in lines:
        if out and not _BULLET.match(line) and not _ENDED.search(out[-1]):
            out[-1] += _joint(out[-1], line, known) + line.lstrip()
        else:
            out.append(line)
    return "\n".join(filter(None, (clean(_LEADING.sub("", _REFERENCE.sub("", line))) for line in out)))


def _joint(left: str, right: str, known: Counter) -> str:
    """A space, unless the page width cut a word: then the word as a whole occurs inside other lines."""
    last, first = _LAST_WORD.search(left), _FIRST_WORD.search(right)
    if not last or not first:
        return " "
    return "" if known[last[0] + first[0]] > min(known[last[0]], known[first[0]]) else " "


def _running_headers(manual: dict) -> frozenset[str]:
    """First lines that three pages or more share."""
    pages = (page["text"] for section in manual["sections"] for page in section["pages"])
    firsts = Counter(clean(text.partition("\n")[0]) for text in pages)
    return frozenset(line for line, count in firsts.items() if count >= 3 and not _CASE.match(line))


def _vocabulary(manual: dict) -> Counter:
    """How often each word occurs inside a line, away from its ends where words may be cut."""
    known: Counter = Counter()
    for section in manual["sections"]:
        for page in section["pages"]:
            for line in page["text"].splitlines():
                known.update(re.findall(r"(?<![가-힣])[가-힣]+(?![가-힣])", line)[1:-1])
    return known
