"""Training files: every record comes through as it is, or the first line that cannot is named."""

import json

import pytest
from fuzz.texts import any_texts, bad_texts, cases, half_texts, nfc, outcome, seen_texts, texts
from hypothesis import given
from hypothesis import strategies as st

from kosplade.records.record import Record, read_records

pytestmark = pytest.mark.full
UNREAD = ['"score": NaN', '"score": 1e999', f'"score": {"9" * 4000}', '"": ""', '"\\ud800": 1', '"meta": {"a": [null]}']


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


@cases(200)
@given(
    lines=st.lists(st.one_of(good_lines(), good_lines(), good_lines(), blank, bad), max_size=6),
    end=st.sampled_from([b"", b"\n", b"\n\n"]),
)
def test_every_line_is_a_record_or_the_error(folder, lines, end):
    path = folder / "train_a.jsonl"
    path.write_bytes(b"\n".join(line for line, _, _ in lines) + end)
    first = next((number for number, (_, _, is_bad) in enumerate(lines, start=1) if is_bad), 0)
    found = []
    _, message = outcome(lambda: found.extend(read_records(path)))
    assert (message or "").startswith(f"{path}:{first}: " if first else "")
    assert (message is None) == (not first)
    assert found == [record for _, record, _ in (lines[: first - 1] if first else lines) if record]
