"""Texts with what goes wrong in Korean text, as hypothesis strategies; how many cases a test gets and how they end."""

import json
import unicodedata
from collections.abc import Callable
from typing import Any, NamedTuple

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from kosplade.errors import UserError

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
no_texts = st.sampled_from(["7", "true", "[]", "{}", "NaN", '["a"]'])  # JSON of a value where a text belongs
bad_texts = half_texts.map(json.dumps) | unseen_texts.map(json.dumps) | no_texts


def nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def cases(count: int) -> settings:
    """So many cases, the same every time."""
    return settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


def outcome(read: Callable[[], Any]) -> tuple[Any, str | None]:
    """(result, None) or (None, message of the one UserError): any other exception is the caller's failure."""
    try:
        return read(), None
    except UserError as error:
        message = str(error)
    assert message.isprintable(), f"more than one line, or characters that hide: {message!r}"
    assert len(message) < 2500, f"a message of {len(message)} characters"
    return None, message
