"""Which records training may see, and which texts are known to answer a query."""

import json

import numpy as np

from kosplade.records.record import Record
from kosplade.records.text import text_key, text_number
from kosplade.records.training import KnownAnswers, LeftOut, pair_numbers, read_training


def write(path, rows):
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def read(files, kept_out=()):
    left = LeftOut()
    keys = frozenset(map(text_key, kept_out))
    return list(read_training(files, keys, KnownAnswers(pair_numbers(files)), left)), left.lines()


def numbers(*texts):
    return tuple(sorted(map(text_number, texts)))


def test_the_positives_of_all_records_of_a_query_answer_it_in_any_spelling(tmp_path):
    rows = [
        {"query": "환불은 언제 되나요?", "positive": "삼 일 안에."},
        {"query": "환불은 언제 되나요", "positive": "주말은 빼고."},
        {"query": "취소하려면?", "positive": "삼 일 안에."},
    ]
    records, _ = read([write(tmp_path / "train_a.jsonl", rows)])
    both = numbers("삼 일 안에", "주말은 빼고")
    assert [record.answers for record in records] == [both, both, numbers("삼 일 안에")]


def test_a_negative_that_answers_its_query_is_dropped_and_said(tmp_path):
    rows = [
        {"query": "q1", "positive": "p1", "negative": ["p1 ", "p2", "n"]},
        {"query": "q1", "positive": "p2", "negative": "P1!"},
        {"query": "q2", "positive": "p2", "negative": "p1"},
    ]
    file = write(tmp_path / "train_a.jsonl", rows)
    records, lines = read([file])
    assert [record.negatives for record in records] == [("n",), (), ("p1",)]
    assert lines == [f"3 negatives answer their own query and are dropped (first: {file}:1)"]


def test_held_out_text_enters_no_record(tmp_path):
    rows = [
        {"query": "val  query", "positive": "p"},
        {"query": "q", "positive": "val passage"},
        {"query": "kept", "positive": "p", "negative": ["n", "val passage"], "kind": "title"},
    ]
    file = write(tmp_path / "train_a.jsonl", rows)
    records, lines = read([file], kept_out=["val query", "val passage"])
    assert records == [Record("kept", "p", ("n",), "title", numbers("p"))]
    assert [line.rsplit("(", 1)[1] for line in lines] == [f"first: {file}:1)", f"first: {file}:3)"]


def test_pair_numbers_are_those_of_query_and_positive_in_order(tmp_path):
    files = [write(tmp_path / f"train_{n}.jsonl", [{"query": f"q{n}", "positive": f"p{n}"}]) for n in range(2)]
    pairs_N2 = pair_numbers(files)
    assert pairs_N2.dtype == np.uint64
    assert pairs_N2.tolist() == [[text_number(f"q{n}"), text_number(f"p{n}")] for n in range(2)]
