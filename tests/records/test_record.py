"""The reader of training records."""

import json

import pytest

from kosplade.errors import UserError
from kosplade.records.record import Record, read_records, training_files


def _write(path, *rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_a_negative_is_missing_a_string_or_a_list(tmp_path):
    _write(
        tmp_path / "train_a.jsonl",
        {"query": "q1", "positive": "p1"},
        {"query": "q2", "positive": "p2", "negative": "n", "kind": "title"},
        {"query": "q3", "positive": "p3", "negative": ["\u1100\u1161", "", "\u3164", "n2"]},
        '{"query": "q4", "positive": "p4", "negative": null, "score": NaN, "meta": {"a": [null]}}',
    )
    assert list(read_records(tmp_path / "train_a.jsonl")) == [
        Record("q1", "p1", ()),
        Record("q2", "p2", ("n",), "title"),
        Record("q3", "p3", ("가", "n2")),
        Record("q4", "p4", ()),
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"query": "q"}', r"train_a\.jsonl:3: field 'positive'"),
        ('{"query": "q", "positive": "p", "negative": [1]}', r"train_a\.jsonl:3: field 'negative'"),
        ('{"query": "q", "positive": "p", "kind": []}', r"train_a\.jsonl:3: field 'kind'"),
        ('{"query": "q", "positive": "p", "negative": ["\\ud800"]}', r"train_a\.jsonl:3: field 'negative' holds half"),
    ],
)
def test_a_bad_line_is_named_blank_lines_counted(tmp_path, line, message):
    _write(tmp_path / "train_a.jsonl", {"query": "q", "positive": "p"}, "", line)
    with pytest.raises(UserError, match=message):
        list(read_records(tmp_path / "train_a.jsonl"))


@pytest.mark.parametrize("names", [(), ("train_a.jsonl",)])
def test_no_data_names_the_folder_and_the_remedy(tmp_path, names):
    for name in names:
        (tmp_path / name).touch()
    with pytest.raises(UserError, match=f"{tmp_path} .*data.source=embedded"):
        training_files(tmp_path)
    with pytest.raises(UserError, match="has no train_"):
        training_files(tmp_path / "absent")
