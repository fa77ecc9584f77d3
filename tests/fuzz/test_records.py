"""Training files: every record comes through as it is, or the first line that cannot is named.

The texts hold what goes wrong in Korean text: blanks that are none, fillers, decomposed letters, half characters.
"""

import json
import tempfile
import unicodedata
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.configuration import set_hypothesis_home_dir

from kosplade.errors import UserError
from kosplade.records.record import Record, read_records

pytestmark = pytest.mark.full
set_hypothesis_home_dir(Path(tempfile.gettempdir()) / "kosplade-hypothesis")  # its tables, not in the repository
SEEN = [
    *("질문", "계좌이체", "가", "Q1", "abc", "0", ".", "다. ", "…", '"', "'", "\\", "#", "<s>", "漢字", "é", "😀"),
    unicodedata.normalize("NFD", "한글은 언제"),
    "\uffa1\uffc2\uffa4",  # half-width letters
    "👨\u200d👩\u200d👧",
]
UNSEEN = [
    *(" ", "\t", "\r", "\n", "\u3000", "\u00a0", "\u200b", "\u200d", "\u202e", "\u00ad", "\ufeff", "\0", "\u0007"),
    *("\u001c", "\u0085", "\u2028", "\u3164", "\u115f", "\uffa0", "\ufffd", "\ue000"),  # Hangul fillers among them
]
UNREAD = ['"score": NaN', '"score": 1e999', f'"score": {"9" * 4000}', '"": ""', '"\\ud800": 1', '"meta": {"a": [null]}']


class Text(NamedTuple):
    """A text, and whether any of it can be seen."""

    text: str
    is_seen: bool


pieces = st.sampled_from([Text(piece, True) for piece in SEEN] + [Text(piece, False) for piece in UNSEEN])
texts = st.lists(pieces, max_size=6).map(
    lambda found: Text("".join(piece.text for piece in found), any(piece.is_seen for piece in found))
)
seen_texts = texts.filter(lambda text: text.is_seen).map(lambda text: text.text)
unseen_texts = texts.filter(lambda text: not text.is_seen).map(lambda text: text.text)
any_texts = texts.map(lambda text: text.text)
half_texts = st.tuples(any_texts, st.sampled_from(["\ud800", "\udfff"]), any_texts).map("".join)
no_texts = st.sampled_from(["7", "true", "[]", "{}", "NaN", '["a"]'])  # JSON of a value where a text belongs
bad_texts = half_texts.map(json.dumps) | unseen_texts.map(json.dumps) | no_texts


def nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


@st.composite
def good_lines(draw) -> tuple[bytes, Record | None, bool]:
    """A line, the record that must come of it, and that it is not bad."""
    query, positive = draw(seen_texts), draw(seen_texts)
    negatives, kind = draw(st.none() | st.lists(texts, max_size=3)), draw(st.none() | any_texts)
    fields = {"query": query, "positive": positive}
    if negatives is not None:
        is_string = len(negatives) == 1 and draw(st.booleans())
        fields["negative"] = negatives[0].text if is_string else [text.text for text in negatives]
    if kind is not None:
        fields["kind"] = kind
    escape = draw(st.booleans())
    found = [f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=escape)}" for key, value in fields.items()]
    found += draw(st.lists(st.sampled_from(UNREAD), max_size=1))
    body = "{" + ", ".join(draw(st.permutations(found))) + "}"
    before, after = draw(st.sampled_from(["", " ", "\ufeff"])), draw(st.sampled_from(["", "\r", "  "]))
    kept = tuple(nfc(text.text) for text in negatives or () if text.is_seen)
    return (before + body + after).encode(), Record(nfc(query), nfc(positive), kept, nfc(kind or "")), False


def _with(**fields: str | None) -> str:
    """A good line with the JSON of some fields replaced; None leaves one out."""
    whole = {"query": '"질문"', "positive": '"답"'} | fields
    return "{" + ", ".join(f'"{key}": {value}' for key, value in whole.items() if value is not None) + "}"


blank = st.sampled_from([b"", b" ", b"\t", b"\r", b"\x0b"]).map(lambda line: (line, None, False))
bad = st.one_of(
    st.tuples(st.sampled_from(["query", "positive"]), bad_texts | st.none()).map(lambda pair: _with(**dict([pair]))),
    half_texts.map(lambda text: _with(negative=json.dumps([text]))),
    half_texts.map(lambda text: _with(kind=json.dumps(text))),
    st.sampled_from(["0", "false", "{}", "[1]", "[null]", "NaN"]).map(lambda value: _with(negative=value)),
    st.sampled_from(["0", "false", "{}", "[]", "NaN"]).map(lambda value: _with(kind=value)),
    st.sampled_from([_with(meta='{"a": 1, "a": 2}'), _with(meta="[" * 200_000), _with(query='"a\tb"')]),
    st.sampled_from([_with() + _with(), _with()[:-1], "[]", "null", "{'query': 'a'}"]),
).map(lambda line: (line.encode(), None, True)) | st.sampled_from(
    [(_with().encode("utf-16"), None, True), (_with().encode("cp949"), None, True)]
)


@pytest.fixture(scope="session")
def path(tmp_path_factory) -> Path:
    """A file that the cases write over."""
    return tmp_path_factory.mktemp("fuzz") / "train_a.jsonl"


@settings(max_examples=200, derandomize=True, database=None, deadline=None)
@given(
    lines=st.lists(st.one_of(good_lines(), good_lines(), good_lines(), blank, bad), max_size=6),
    end=st.sampled_from([b"", b"\n", b"\n\n"]),
)
def test_every_line_is_a_record_or_the_error(path, lines, end):
    path.write_bytes(b"\n".join(line for line, _, _ in lines) + end)
    first = next((number for number, (_, _, is_bad) in enumerate(lines, start=1) if is_bad), 0)
    found, message = [], ""
    try:
        found.extend(read_records(path))
    except UserError as error:
        message = str(error)
    assert message.startswith(f"{path}:{first}: " if first else "")
    assert bool(message) == bool(first)
    assert message.isprintable(), "more than one line, or characters that hide"
    assert len(message) < 2500
    assert found == [record for _, record, _ in (lines[: first - 1] if first else lines) if record]
