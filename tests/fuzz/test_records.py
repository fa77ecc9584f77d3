"""Training files: every record comes through as it is; what cannot is listed in tests/records.

The texts hold what goes wrong in Korean text: blanks that are none, fillers, decomposed letters.
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
any_texts = texts.map(lambda text: text.text)


def nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


@st.composite
def good_lines(draw) -> tuple[bytes, Record]:
    """A line, and the record that must come of it."""
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
    return (before + body + after).encode(), Record(nfc(query), nfc(positive), kept, nfc(kind or ""))


@pytest.fixture(scope="session")
def path(tmp_path_factory) -> Path:
    """A file that the cases write over."""
    return tmp_path_factory.mktemp("fuzz") / "train_a.jsonl"


@settings(max_examples=200, derandomize=True, database=None, deadline=None)
@given(
    lines=st.lists(good_lines() | st.sampled_from([(line, None) for line in (b"", b" ", b"\t", b"\r", b"\x0b")])),
    end=st.sampled_from([b"", b"\n", b"\n\n"]),
)
def test_every_record_comes_through(path, lines, end):
    path.write_bytes(b"\n".join(line for line, _ in lines) + end)
    assert list(read_records(path)) == [record for _, record in lines if record]
