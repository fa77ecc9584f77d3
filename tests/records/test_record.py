"""The reader of training records."""

import json

import pytest

from kosplade.errors import UserError
from kosplade.records.record import Record, held_out, read_training, training_files
from kosplade.records.text import text_id


def _write(path, *rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_a_negative_is_missing_a_string_or_a_list(tmp_path):
    _write(
        tmp_path / "train_a.jsonl",
        {"query": "q1", "positive": "p1"},
        {"query": "q2", "positive": "p2", "negative": "n", "kind": "title"},
        {"query": "q3", "positive": "p3", "negative": ["가", "n2"]},
    )
    assert list(read_training(tmp_path)) == [
        Record("q1", "p1", ()),
        Record("q2", "p2", ("n",), "title"),
        Record("q3", "p3", ("가", "n2")),
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"query": "q", "positive": ', r"train_a\.jsonl:3: not valid JSON"),
        ('{"query": "q"}', r"train_a\.jsonl:3: field 'positive'"),
        ('{"query": "q", "positive": "p", "negative": [1]}', r"train_a\.jsonl:3: field 'negative'"),
        ('{"query": "q", "positive": "p", "negative": ["\\ud800"]}', r"train_a\.jsonl:3: field 'negative' holds half"),
    ],
)
def test_a_bad_line_is_named_blank_lines_counted(tmp_path, line, message):
    _write(tmp_path / "train_a.jsonl", {"query": "q", "positive": "p"}, "", line)
    with pytest.raises(UserError, match=message):
        list(read_training(tmp_path))


@pytest.mark.parametrize("names", [(), ("train_a.jsonl",)])
def test_no_data_names_the_folder_and_the_remedy(tmp_path, names):
    for name in names:
        (tmp_path / name).touch()
    with pytest.raises(UserError, match=f"{tmp_path} .*Run: make prepare-v25-data, or put train_"):
        training_files(tmp_path)


def test_a_missing_folder_is_no_data(tmp_path):
    with pytest.raises(UserError, match="no training data"):
        training_files(tmp_path / "absent")


def test_held_out_text_enters_no_record(tmp_path):
    _write(tmp_path / "val.jsonl", {"query": "val query", "positive": "val passage"})
    _write(tmp_path / "queries.jsonl", {"_id": "1", "text": "test query"})
    qrels = tmp_path / "qrels/test.tsv"
    qrels.parent.mkdir()
    qrels.write_text(f"query-id\tcorpus-id\tscore\n1\t{text_id('test passage')}\t1\n")
    with pytest.raises(UserError, match=r"test.tsv judges passage \w{16}, which .*corpus.jsonl lacks"):
        held_out(tmp_path)
    _write(tmp_path / "corpus.jsonl", *({"_id": text_id(text), "text": text} for text in ("other", "test passage")))
    assert len(held_out(tmp_path)) == 4
    _write(
        tmp_path / "train_a.jsonl",
        {"query": "val  query", "positive": "p"},
        {"query": "test query", "positive": "p"},
        {"query": "q", "positive": "val passage"},
        {"query": "q", "positive": "test passage"},
        {"query": "kept", "positive": "p", "negative": ["n", "test passage", "val passage"]},
    )
    assert list(read_training(tmp_path)) == [Record("kept", "p", ("n",))]
