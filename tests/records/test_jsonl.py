"""JSONL of a user: each line is checked, and a bad one is named by file and number."""

import json
import unicodedata

import pytest

from kosplade.errors import UserError
from kosplade.records.jsonl import read_jsonl, read_numbered

GOOD = '{"query": "질문"}'.encode()


def read(tmp_path, data: bytes, required=("query",)):
    path = tmp_path / "a.jsonl"
    path.write_bytes(data)
    return list(read_jsonl(path, required))


def test_byte_order_mark_windows_lines_and_blank_lines(tmp_path):
    data = b"\xef\xbb\xbf" + GOOD + b"\r\n\r\n  \n\n" + GOOD + b"\r\n" + GOOD
    assert read(tmp_path, data) == [{"query": "질문"}] * 3
    assert [number for number, _ in read_numbered(tmp_path / "a.jsonl")] == [1, 5, 6]


def test_decomposed_hangul_is_composed_but_an_id_is_the_collections(tmp_path):
    nfd = unicodedata.normalize("NFD", "질문")
    assert len(nfd) == 6  # ㅈㅣㄹ ㅁㅜㄴ
    assert read(tmp_path, json.dumps({"query": nfd, "_id": nfd}).encode()) == [{"query": "질문", "_id": nfd}]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        *((line, "not valid JSON") for line in (b'{"query": "a"', b"query", b'{"query": "\xff"}', b"[" * 100_000)),
        *((line, "key '.+' occurs twice") for line in (b'{"query": "a", "query": "b"}', b'{"m": {"a": 1, "a": 1}}')),
        *((line, "a JSON object is expected") for line in (b'["query"]', b"null")),
        *((b'{"query": %s}' % value, "field 'query'") for value in (b'" \\t"', b'"\\u3164"', b"null", b"5", b'["a"]')),
        (b"{}", "field 'query'"),
        (b'{"query": "a", "kind": "\\ud800"}', "field 'kind' holds half a character"),
    ],
)
def test_a_bad_line_is_named_with_blank_lines_counted(tmp_path, line, problem):
    with pytest.raises(UserError, match=rf"^\S+/a\.jsonl:3: .*{problem}.*Repair"):
        read(tmp_path, GOOD + b"\n\n" + line + b"\n" + GOOD)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UserError, match=r"none\.jsonl cannot be opened"):
        list(read_jsonl(tmp_path / "none.jsonl"))
