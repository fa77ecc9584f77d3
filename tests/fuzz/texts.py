"""Texts with what goes wrong in Korean text, as hypothesis strategies, and ways to damage bytes."""

import unicodedata
from typing import NamedTuple

from hypothesis import strategies as st

SEEN = [
    *("질문", "계좌이체", "가", "Q1", "abc", "0", ".", "다. ", "…", '"', "'", "\\", "#", "<s>", "漢字", "é", "😀"),
    unicodedata.normalize("NFD", "한글은 언제"),
    "\u1100\u1161\u11a8",  # conjoining letters of 각
    "\uffa1\uffc2\uffa4",  # half-width letters
    "e\u0301",
    "👨\u200d👩\u200d👧",
]
UNSEEN = [
    *(" ", "\t", "\r", "\n", "\u3000", "\u00a0", "\u200b", "\u200d", "\u202e", "\u00ad", "\ufeff", "\0", "\u0007"),
    *("\u001c", "\u0085", "\u2028", "\u3164", "\u115f", "\uffa0", "\ufffd", "\ue000"),  # Hangul fillers among them
]


class Text(NamedTuple):
    """A text, and whether any of it can be seen."""

    text: str
    is_seen: bool


_pieces = st.sampled_from([Text(piece, True) for piece in SEEN] + [Text(piece, False) for piece in UNSEEN])
texts = st.lists(_pieces, max_size=6).map(
    lambda found: Text("".join(piece.text for piece in found), any(piece.is_seen for piece in found))
)
seen_texts = texts.filter(lambda text: text.is_seen).map(lambda text: text.text)
unseen_texts = texts.filter(lambda text: not text.is_seen).map(lambda text: text.text)
any_texts = texts.map(lambda text: text.text)
half_texts = st.tuples(any_texts, st.sampled_from(["\ud800", "\udfff"]), any_texts).map("".join)


@st.composite
def damaged(draw, data: bytes) -> bytes:
    """The bytes with a part cut out, and something else in its place."""
    at = draw(st.integers(0, len(data)))
    upto = draw(st.integers(at, len(data)))
    new = draw(st.one_of(st.binary(max_size=8), st.sampled_from([b"", b"\0", b"\xff", b"\xed\xa0\x80", b"\n"])))
    return data[:at] + new + data[upto:]
