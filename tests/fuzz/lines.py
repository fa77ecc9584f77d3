"""Lines of training files: good ones with the record that must come of them, bad ones that must be named."""

import json
import unicodedata

from fuzz.texts import any_texts, half_texts, seen_texts, texts, unseen_texts
from hypothesis import strategies as st

from kosplade.records.record import Record

DEEP = "[" * 200_000
UNREAD = [
    '"score": NaN',
    '"score": -Infinity',
    '"score": 1e999',
    '"score": "12"',
    f'"score": {"9" * 4000}',
    f'"meta": {"[" * 90}{"]" * 90}',
    '"meta": {"a": {"b": [null, true, -0.0]}}',
    '"": ""',
    '"\\ud800": 1',
    '"_id": 7',
]
blank_lines = st.sampled_from([b"", b" ", b"\t", b"\r", b" \r", b"\x0b", b"\x0c"])


def nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def encoded(text: str, escape: bool) -> str:
    return json.dumps(text, ensure_ascii=escape)


@st.composite
def good_lines(draw) -> tuple[bytes, Record]:
    escape = draw(st.booleans())
    query, positive = draw(seen_texts), draw(seen_texts)
    fields = [f'"query": {encoded(query, escape)}', f'"positive": {encoded(positive, escape)}']
    found = draw(st.none() | st.lists(texts, max_size=3))
    if found is not None:
        inside = ", ".join(encoded(text.text, escape) for text in found)
        as_string = len(found) == 1 and draw(st.booleans())
        fields.append(f'"negative": {inside}' if as_string else f'"negative": [{inside}]')
    elif draw(st.booleans()):
        fields.append('"negative": null')
    kind = draw(st.none() | any_texts)
    if kind is not None:
        fields.append(f'"kind": {encoded(kind, escape)}')
    elif draw(st.booleans()):
        fields.append('"kind": null')
    fields += draw(st.lists(st.sampled_from(UNREAD), max_size=1))
    body = "{" + ", ".join(draw(st.permutations(fields))) + "}"
    before, after = draw(st.sampled_from(["", " ", "\ufeff"])), draw(st.sampled_from(["", "\r", "  "]))
    negatives = tuple(nfc(text.text) for text in found or () if text.is_seen)
    return (before + body + after).encode(), Record(nfc(query), nfc(positive), negatives, nfc(kind or ""))


def _with(**fields: str) -> str:
    """A good line with the JSON of some fields replaced; None leaves one out."""
    whole = {"query": '"질문"', "positive": '"답"'} | fields
    return "{" + ", ".join(f'"{key}": {value}' for key, value in whole.items() if value is not None) + "}"


_values = st.one_of(
    half_texts.map(json.dumps),
    unseen_texts.map(json.dumps),
    st.sampled_from(["null", "7", "true", "NaN", "[]", "{}", '["a"]', "-1e5"]),
)
bad_lines = st.one_of(
    st.tuples(st.sampled_from(["query", "positive"]), _values).map(lambda pair: _with(**{pair[0]: pair[1]})),
    st.sampled_from(["query", "positive"]).map(lambda key: _with(**{key: None})),
    half_texts.map(lambda text: _with(negative=json.dumps([text]))),
    half_texts.map(lambda text: _with(kind=json.dumps(text))),
    st.sampled_from(["0", "false", "7", "{}", "[1]", "[null]", "NaN", '[["a"]]']).map(lambda v: _with(negative=v)),
    st.sampled_from(["0", "false", "7", "{}", "[]", "NaN"]).map(lambda value: _with(kind=value)),
    st.sampled_from(
        [
            '{"query": "질문", "positive": "답", "query": "다른 질문"}',
            '{"query": "질문", "positive": "답", "meta": {"a": 1, "a": 2}}',
            _with(meta=DEEP),
            _with(meta=f"{DEEP}{']' * len(DEEP)}"),
            '{"a":' * 100_000,
            _with(score="9" * 5000),
            _with(query='"a\0b"'),
            _with(query='"a\tb"'),
            _with() + _with(),
            _with()[:-1],
            _with() + "\ufeff",
            "\ufeff\ufeff" + _with(),
            "[]",
            "null",
            "NaN",
            '"질문"',
            "\0",
            "{'query': '질문'}",
            "query,positive",
        ]
    ),
).map(str.encode) | st.sampled_from(
    [
        _with().encode("utf-16"),
        _with().encode("cp949"),
        b'{"query": "\xff", "positive": "a"}',
        b'{"query": "\xed\xa0\x80", "positive": "a"}',  # a surrogate in bytes
        b'{"query": "\xc0\xae", "positive": "a"}',  # an overlong dot
    ]
)
