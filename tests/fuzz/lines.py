"""Lines of training files: good ones with the record that must come of them, bad ones that must be named."""

import json
import unicodedata

from fuzz.texts import any_texts, half_texts, seen_texts, texts, unseen_texts
from hypothesis import strategies as st

from kosplade.records.record import Record

DEEP = "[" * 200_000
UNREAD = ['"score": NaN', '"score": 1e999', f'"score": {"9" * 4000}', '"": ""', '"\\ud800": 1', '"meta": {"a": [null]}']


def nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def encoded(text: str, escape: bool) -> str:
    return json.dumps(text, ensure_ascii=escape)


@st.composite
def good_lines(draw) -> tuple[bytes, Record]:
    escape = draw(st.booleans())
    query, positive = draw(seen_texts), draw(seen_texts)
    negatives = draw(st.none() | st.lists(texts, max_size=3))
    kind = draw(st.none() | any_texts)
    fields = [f'"query": {encoded(query, escape)}', f'"positive": {encoded(positive, escape)}']
    if negatives is not None:
        inside = ", ".join(encoded(text.text, escape) for text in negatives)
        as_string = len(negatives) == 1 and draw(st.booleans())
        fields.append(f'"negative": {inside}' if as_string else f'"negative": [{inside}]')
    if kind is not None:
        fields.append(f'"kind": {encoded(kind, escape)}')
    fields += draw(st.lists(st.sampled_from(['"negative": null'] * (negatives is None) + UNREAD), max_size=1))
    body = "{" + ", ".join(draw(st.permutations(fields))) + "}"
    before, after = draw(st.sampled_from(["", " ", "\ufeff"])), draw(st.sampled_from(["", "\r", "  "]))
    kept = tuple(nfc(text.text) for text in negatives or () if text.is_seen)
    return (before + body + after).encode(), Record(nfc(query), nfc(positive), kept, nfc(kind or ""))


def _with(**fields: str | None) -> str:
    """A good line with the JSON of some fields replaced; None leaves one out."""
    whole = {"query": '"질문"', "positive": '"답"'} | fields
    return "{" + ", ".join(f'"{key}": {value}' for key, value in whole.items() if value is not None) + "}"


_required = st.sampled_from(["query", "positive"])
_not_texts = st.sampled_from(["null", "7", "true", "NaN", "[]", "{}", '["a"]'])
bad_lines = st.one_of(
    st.tuples(_required, half_texts.map(json.dumps) | unseen_texts.map(json.dumps) | _not_texts).map(
        lambda pair: _with(**{pair[0]: pair[1]})
    ),
    _required.map(lambda key: _with(**{key: None})),
    half_texts.map(lambda text: _with(negative=json.dumps([text]))),
    half_texts.map(lambda text: _with(kind=json.dumps(text))),
    st.sampled_from(["0", "false", "{}", "[1]", "[null]", "NaN"]).map(lambda value: _with(negative=value)),
    st.sampled_from(["0", "false", "{}", "[]", "NaN"]).map(lambda value: _with(kind=value)),
    st.sampled_from(
        [
            *('{"query": "질문", "positive": "답", "query": "다른 질문"}', _with(meta='{"a": 1, "a": 2}')),
            *(_with(meta=DEEP), _with(query='"a\tb"'), _with() + _with(), _with()[:-1], "[]", "null", "{'query': 'a'}"),
        ]
    ),
).map(str.encode) | st.sampled_from(
    [_with().encode("utf-16"), _with().encode("cp949"), b'{"query": "\xed\xa0\x80", "positive": "a"}']
)
