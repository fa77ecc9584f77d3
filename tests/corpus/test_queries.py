"""The written queries: every mistake is named with file and line, and the real ones fit the real passages."""

import json
from pathlib import Path

import pytest
from refused import message

from kosplade.corpus.queries import LONGEST_COPY, Query, read_queries

ROOT = Path(__file__).parents[2]
LONG = "연구개발기관의 장은 연구개발과제의 협약을 체결한 후 삼십 일 안에 연구비를 지급하여야 한다."
TEXTS = {"a": LONG, "b": "결제를 취소합니다.", "v": "검증 문단입니다.", "t": "시험 문단입니다."}
SPLITS = {"a": "train", "b": "train", "v": "val", "t": "test"}
GOOD = {
    "train": [{"query": "연구비는 언제 주나요", "passages": ["a", "b"], "kind": "question"}],
    "val": [{"query": "refund of a payment", "passages": ["v"], "kind": "cross-lingual"}],
    "wider": [{"query": "넓은 시험", "passages": ["t"], "kind": "keyword"}],
    "test": [{"query": "시험 문단", "passages": ["t", "a"], "kind": "keyword"}],
}


def write(folder: Path, changes: dict | None = None) -> None:
    for split, rows in (GOOD | (changes or {})).items():
        lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
        (folder / f"{split}.jsonl").write_text("".join(line + "\n" for line in lines), encoding="utf-8")


def row(query="다른 질문", passages=("a",), kind="question") -> dict:
    return {"query": query, "passages": list(passages), "kind": kind}


def refusal(folder: Path, changes: dict) -> str:
    write(folder, changes)
    return message(read_queries, folder, TEXTS, SPLITS)


def test_good_queries(tmp_path):
    write(tmp_path)
    assert read_queries(tmp_path, TEXTS, SPLITS) == {
        "train": [Query("연구비는 언제 주나요", ("a", "b"), "question")],
        "val": [Query("refund of a payment", ("v",), "cross-lingual")],
        "wider": [Query("넓은 시험", ("t",), "keyword")],
        "test": [Query("시험 문단", ("t", "a"), "keyword")],
    }


def test_a_text_that_is_not_listed_takes_its_queries_with_it(tmp_path):
    only_there = {"query": "빠진 글의 질문", "passages": ["gone"], "kind": "question"}
    here_too = {"query": "두 글의 질문", "passages": ["gone", "a"], "kind": "question"}
    write(tmp_path, {"train": [*GOOD["train"], only_there, here_too]})
    found = read_queries(tmp_path, TEXTS, SPLITS, are_all_listed=False)["train"]
    assert [query.passages for query in found] == [("a", "b"), ("a",)]
    write(tmp_path, {"wider": [only_there]})
    assert read_queries(tmp_path, TEXTS, SPLITS, are_all_listed=False)["wider"] == []
    write(tmp_path, {"test": [only_there]})
    said = message(read_queries, tmp_path, TEXTS, SPLITS, are_all_listed=False)
    assert "no query of the split test is answered by the listed texts" in said


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        (
            row(kind="guess"),
            "field 'kind': Input should be 'keyword', 'question', 'paraphrase' or 'cross-lingual', not 'guess'",
        ),
        (row(passages=()), "field 'passages': Tuple should have at least 1 item"),
        ({"query": "다른 질문", "kind": "question"}, "field 'passages'"),
        ({"query": "질문", "passages": [["a"]], "kind": "question"}, "field 'passages'"),
        (row("refund 123"), "no Hangul in a query of kind question. Its kind may be cross-lingual."),
        (row("ㅋㅋ"), "no Hangul in a query of kind question"),
        ({"query": " ", "passages": ["a"], "kind": "question"}, "field 'query'"),
        (row(passages=("a", "v")), "passage v belongs to val"),
        (row(LONG[5:40] + " 왜요"), f"copies {LONGEST_COPY} characters of passage a"),
        ({"query": "다른 질문", "passages": ["a"]}, "field 'kind'"),
    ],
)
def test_a_bad_query_is_named_by_its_line(tmp_path, bad, problem):
    place = f"{tmp_path / 'train.jsonl'}:3: {problem}"
    assert refusal(tmp_path, {"train": [*GOOD["train"], "", bad]}).startswith(place)


@pytest.mark.parametrize(
    ("split", "again", "first"),
    [
        ("test", row("시험, 문단!", ["t"], "keyword"), "test.jsonl:1"),  # spacing and punctuation make no other query
        ("val", row("연구비는 언제 주나요?", ["v"]), "train.jsonl:1"),
    ],
)
def test_a_repeated_query_names_both_places(tmp_path, split, again, first):
    found = refusal(tmp_path, {split: [*GOOD[split], again]})
    assert found == f"{tmp_path / split}.jsonl:2: the query of {tmp_path / first} again. Remove one of them."


def test_passages_and_files_that_are_gone_are_listed(tmp_path):
    found = refusal(tmp_path, {"train": [row("하나", ["x1", "a"])], "test": [row("둘", ["x2"])]})
    assert found.startswith(f"2 passages judged in {tmp_path} are not among the prepared ones: x1 x2. A change of ")
    many = refusal(tmp_path, {"train": [row("하나", [f"x{i:02}" for i in range(21)])]})
    assert " x18 x19 .... A change of " in many
    (tmp_path / "val.jsonl").unlink()
    assert "val.jsonl cannot be opened (No such file" in message(read_queries, tmp_path, TEXTS, SPLITS)


def test_evaluation_queries_may_be_answered_by_training_passages(tmp_path):
    write(tmp_path, {"val": [row("결제", ["b"])], "test": [row("취소", ["v"])]})
    assert read_queries(tmp_path, TEXTS, SPLITS)["val"][0].passages == ("b",)


def test_29_characters_are_no_copy_and_30_are(tmp_path):
    write(tmp_path, {"train": [row("#" + LONG[:29] + "#")]})
    assert len(read_queries(tmp_path, TEXTS, SPLITS)["train"]) == 1
    assert "copies 30 characters" in refusal(tmp_path, {"train": [row("#" + LONG[:30] + "#")]})
