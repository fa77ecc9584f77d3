"""Texts with what goes wrong in Korean text, as hypothesis strategies, and ways to damage bytes."""

import unicodedata
from typing import NamedTuple

from hypothesis import strategies as st

SEEN = [
    "질문",
    unicodedata.normalize("NFD", "한글은 언제"),
    "\u1100\u1161\u11a8",  # conjoining letters of 각
    "\uffa1\uffc2\uffa4",  # half-width letters
    "ㅎㅏㄴ",
    "가",
    "계좌이체",
    "Q1",
    "abc",
    "0",
    ".",
    "다. ",
    "…",
    '"',
    "'",
    "\\",
    "#",
    "<s>",
    "漢字",
    "é",
    "e\u0301",
    "😀",
    "👨\u200d👩\u200d👧",
    "\U000e0041x",  # a tag character
]
UNSEEN = [
    " ",
    "  ",
    "\t",
    "\r",
    "\n",
    "\u3000",
    "\u00a0",
    "\u200b",
    "\u200d",
    "\u200e",
    "\u200f",
    "\u202a",
    "\u202e",
    "\u2066",
    "\u2069",
    "\u061c",
    "\u2060",
    "\u00ad",
    "\ufeff",
    "\u0000",
    "\u0007",
    "\u001c",
    "\u007f",
    "\u0085",
    "\u2028",
    "\u3164",  # Hangul filler
    "\u115f",
    "\uffa0",
    "\ufffd",
    "\ue000",
]
HALVES = ["\ud800", "\udfff", "\udc80"]


class Text(NamedTuple):
    """A text, and whether any of it can be seen."""

    text: str
    is_seen: bool


_pieces = st.one_of(
    st.sampled_from(SEEN).map(lambda piece: Text(piece, True)),
    st.sampled_from(UNSEEN).map(lambda piece: Text(piece, False)),
)
texts = st.lists(_pieces, max_size=6).map(
    lambda found: Text("".join(piece.text for piece in found), any(piece.is_seen for piece in found))
)
seen_texts = texts.filter(lambda text: text.is_seen).map(lambda text: text.text)
unseen_texts = texts.filter(lambda text: not text.is_seen).map(lambda text: text.text)
any_texts = texts.map(lambda text: text.text)
half_texts = st.tuples(any_texts, st.sampled_from(HALVES), any_texts).map("".join)


@st.composite
def damaged(draw, data: bytes) -> bytes:
    """The bytes cut short, with some replaced, left out, repeated or put in."""
    kind = draw(st.sampled_from(["cut", "replace", "drop", "repeat", "insert", "head", "none"]))
    at = draw(st.integers(0, len(data)))
    upto = min(len(data), at + draw(st.integers(0, 16)))
    new = draw(st.one_of(st.binary(max_size=8), st.sampled_from([b"\0", b"\xff", b"\xed\xa0\x80", b"\n", b"\r"])))
    match kind:
        case "cut":
            return data[:at]
        case "replace":
            return data[:at] + new + data[at + len(new) :]
        case "drop":
            return data[:at] + data[upto:]
        case "repeat":
            return data[:upto] + data[at:]
        case "insert":
            return data[:at] + new + data[at:]
        case "head":
            return data[at:]
    return data
