"""Documents on payment services, Korean Markdown with English twins (package hectofinancial-mcp-server)."""

import re
from pathlib import Path, PurePosixPath

from kosplade.corpus.documents import Document, Section
from kosplade.records.text import clean, sentences
from kosplade.wheels import members, read_member

ROOT = "hectofinancial_mcp_server/resource/docs/"

_FENCE = re.compile(r"^(```|~~~).*?^\1[^\n]*$|<!--.*?-->", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^(#{1,6})\s+(.+?)\s*#*$")
# Tables, parameter lists ("- **타입**: AN(12)"), object literals, rules and the icon line of a call-out.
_NO_PROSE = re.compile(r"^\s*(?:\||[-*]\s*\*\*[^*]+\*\*\s*:|[{}\[\]]|\w+:\s*['`\[{]|['`]|-{3,}|[ℹ⚠])|[`'\]}],?$|=>")
_MARKER = re.compile(r"^\s*(?:>\s*)*(?:[-*+•]\s+|\d+[.)]\s+)?")
_EMPHASIS = re.compile(r"\*\*|__|`|<[^>\n]{1,60}>|(?<!\w)\*(?=\S)|(?<=\S)\*(?!\w)")
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_NUMBERING = re.compile(r"^(?:STEP\s*)?(?:\d+(?:[.-]\d+)*|[①-⑳]|[A-Z])\s*(?:단계|Step)?\s*[.):]\s*|^\W+(?=\w)")


def read(wheel: Path) -> list[Document]:
    """Read the Korean prose; headings, and those of the English twin, become queries for their section."""
    paths = members(wheel, ROOT, ".md")
    korean = [path for path in paths if "en" not in PurePosixPath(path).parts]
    return [_document(wheel, path, frozenset(paths)) for path in korean]


def _document(wheel: Path, path: str, known: frozenset[str]) -> Document:
    def parts_of(path: str) -> list[tuple[int, str, str]]:
        return parse(read_member(wheel, path, 1 << 20).decode("utf-8"))

    parts = parts_of(path)
    inner = path.removeprefix(ROOT)
    twins = [ROOT + "en/" + inner, ROOT + inner.replace("blog/", "blog/en/", 1)]
    english = next((parts_of(twin) for twin in twins if twin != path and twin in known), [])
    # Headings of twins come in the same order; where their outline differs, no section can be matched safely.
    if [level for level, _, _ in english] != [level for level, _, _ in parts]:
        english = []
    titles = [heading for level, heading, _ in parts if level == 1]
    sections = []
    for index, (_, heading, text) in enumerate(parts):
        queries = [("heading", heading)] if heading else []
        if english:
            queries += [("english", query) for query in english_queries(*english[index][1:])]
        sections.append(Section(text, tuple(queries)))
    return Document("payments", inner, titles[0] if titles else "", tuple(sections))


def parse(markdown: str) -> list[tuple[int, str, str]]:
    """Split Markdown into (level, heading, prose), without tables, code and parameter lists."""
    parts: list[tuple[int, str, list[str]]] = [(0, "", [])]
    for line in _FENCE.sub("", markdown).splitlines():
        heading = _HEADING.match(line)
        if heading:
            parts.append((len(heading[1]), clean_heading(heading[2]), []))
        elif not _NO_PROSE.search(_MARKER.sub("", line) if line.startswith(">") else line):
            parts[-1][2].append(plain(line))
    return [(level, heading, "\n".join(filter(None, lines))) for level, heading, lines in parts]


def plain(line: str) -> str:
    """One line of Markdown without its markup."""
    return clean(_EMPHASIS.sub("", _LINK.sub(r"\1", _MARKER.sub("", line.replace("\\n", " ")))))


def clean_heading(heading: str) -> str:
    """A heading without markup, numbering and quotes."""
    return _NUMBERING.sub("", plain(heading)).strip(" \"'“”:⚠ℹ\ufe0f")


def english_queries(heading: str, text: str) -> list[str]:
    """What an English reader might ask for: the heading if it says enough, and the first full sentence."""
    found = [heading] if len(heading.split()) >= 4 else []
    found += [s for s in sentences(text) if 40 <= len(s) <= 160 and s.endswith((".", "?"))][:1]
    return found
