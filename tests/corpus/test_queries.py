"""The written queries: every mistake is named with file and line, and the real ones fit the real passages."""

import json
from collections import Counter
from pathlib import Path

import pytest

from kosplade.corpus.documents import split_of
from kosplade.corpus.embedded import keep_passages
from kosplade.corpus.queries import KINDS, LONGEST_COPY, Query, copies, read_queries
from kosplade.corpus.sources import manuals, payments, speeches
from kosplade.errors import UserError
from kosplade.params import load_params
from kosplade.records.text import text_id
from kosplade.wheels import fetch_wheel

ROOT = Path(__file__).parents[2]
LONG = "연구개발기관의 장은 연구개발과제의 협약을 체결한 후 삼십 일 안에 연구비를 지급하여야 한다."
TEXTS = {"a": LONG, "b": "결제를 취소합니다.", "v": "검증 문단입니다.", "t": "시험 문단입니다."}
SPLITS = {"a": "train", "b": "train", "v": "val", "t": "test"}
GOOD = {
    "train": [{"query": "연구비는 언제 주나요", "passages": ["a", "b"], "kind": "question"}],
    "val": [{"query": "refund of a payment", "passages": ["v"], "kind": "cross-lingual"}],
    "test": [{"query": "시험 문단", "passages": ["t", "a"], "kind": "keyword"}],
}


def write(folder: Path, changes: dict | None = None) -> None:
    for split, rows in (GOOD | (changes or {})).items():
        lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
        (folder / f"{split}.jsonl").write_text("".join(line + "\n" for line in lines), encoding="utf-8")


def row(query="다른 질문", passages=("a",), kind="question") -> dict:
    return {"query": query, "passages": list(passages), "kind": kind}


def message(folder: Path, changes: dict) -> str:
    write(folder, changes)
    with pytest.raises(UserError) as error:
        read_queries(folder, TEXTS, SPLITS)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_good_queries(tmp_path):
    write(tmp_path)
    assert read_queries(tmp_path, TEXTS, SPLITS) == {
        "train": [Query("연구비는 언제 주나요", ("a", "b"), "question")],
        "val": [Query("refund of a payment", ("v",), "cross-lingual")],
        "test": [Query("시험 문단", ("t", "a"), "keyword")],
    }


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_a_missing_file(tmp_path, split):
    write(tmp_path)
    (tmp_path / f"{split}.jsonl").unlink()
    with pytest.raises(UserError) as error:
        read_queries(tmp_path, TEXTS, SPLITS)
    path = tmp_path / f"{split}.jsonl"
    assert str(error.value) == f"{path} not found. Restore it: git checkout {path}"


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        (row(kind="guess"), "kind 'guess' is none of keyword, question, paraphrase, cross-lingual."),
        (row(passages=()), "no passages. List the ids of those that answer."),
        ({"query": "다른 질문", "kind": "question"}, "field 'passages' must be a list of passage ids."),
        (row("refund 123"), "no Hangul in a query of kind question. Its kind may be cross-lingual."),
        (row("ㅋㅋ"), "no Hangul in a query of kind question. Its kind may be cross-lingual."),
        (row(passages=("a", "v")), "passage v belongs to val. Choose a training passage."),
        (row(passages=("t",)), "passage t belongs to test. Choose a training passage."),
        (row(LONG[5:40] + " 왜요"), f"copies {LONGEST_COPY} characters of passage a. Say it in other words."),
        ({"query": " ", "passages": ["a"], "kind": "question"}, "field 'query' is missing, blank or not a string."),
        ({"query": "다른 질문", "passages": ["a"]}, "field 'kind' is missing, blank or not a string."),
    ],
)
def test_a_bad_query_is_named_by_its_line(tmp_path, bad, problem):
    place = f"{tmp_path / 'train.jsonl'}:2: {problem.rstrip('.')}"
    assert message(tmp_path, {"train": [*GOOD["train"], bad]}).startswith(place)


def test_blank_lines_count(tmp_path):
    found = message(tmp_path, {"train": ["", *GOOD["train"], "", row(kind="guess")]})
    assert found.startswith(f"{tmp_path / 'train.jsonl'}:4: kind 'guess'")


def test_broken_json_is_named_by_its_line(tmp_path):
    assert message(tmp_path, {"val": ["", "{"]}).startswith(f"{tmp_path / 'val.jsonl'}:2: not valid JSON (")


def test_a_repeated_query_names_both_places(tmp_path):
    again = row("시험, 문단!", ["t"], "keyword")  # spacing and punctuation make no other query
    found = message(tmp_path, {"test": [row("무엇인가", ["t"]), *GOOD["test"], again]})
    path = tmp_path / "test.jsonl"
    assert found == f"{path}:3: the query of {path}:2 again. Remove one of them."


def test_a_query_of_two_splits(tmp_path):
    found = message(tmp_path, {"val": [row("연구비는 언제 주나요?", ["v"])]})
    assert found == f"{tmp_path / 'val.jsonl'}:1: the query of {tmp_path / 'train.jsonl'}:1 again. Remove one of them."


def test_passages_that_are_gone_are_listed_together(tmp_path):
    found = message(tmp_path, {"train": [row("하나", ["x1", "a"])], "test": [row("둘", ["x2"])]})
    assert found.startswith(f"2 passages judged in {tmp_path} are not among the prepared ones: x1 x2. A change of ")
    many = message(tmp_path, {"train": [row("하나", [f"x{i:02}" for i in range(21)])]})
    assert many.startswith("21 passages ")
    assert " x18 x19 .... A change of " in many


@pytest.mark.parametrize("passages", ["a", 5, {"a": 1}, [["a"]]])
def test_passages_of_another_type(tmp_path, passages):
    found = message(tmp_path, {"train": [{"query": "질문", "passages": passages, "kind": "question"}]})
    assert found.startswith(f"{tmp_path / 'train.jsonl'}:1: ")


def test_evaluation_queries_may_be_answered_by_training_passages(tmp_path):
    write(tmp_path, {"val": [row("결제", ["b"])], "test": [row("취소", ["v"])]})
    assert read_queries(tmp_path, TEXTS, SPLITS)["val"][0].passages == ("b",)


def test_copies():
    text = "가나다라마바사"
    assert copies("xx나다라yy", text, 3)
    assert not copies("xx나다yy라마", text, 3)
    assert copies("나다라", text, 3)  # exactly as long
    assert not copies("나다", text, 3)  # shorter than a copy


def test_29_characters_are_no_copy_and_30_are(tmp_path):
    write(tmp_path, {"train": [row("#" + LONG[:29] + "#")]})
    assert len(read_queries(tmp_path, TEXTS, SPLITS)["train"]) == 1
    assert "copies 30 characters" in message(tmp_path, {"train": [row("#" + LONG[:30] + "#")]})


def test_the_real_queries_fit_the_real_passages():
    data = load_params(ROOT / "params.yaml").data
    readers = {"payments": payments, "manuals": manuals, "speeches": speeches}
    documents = [document for name, reader in readers.items() for document in reader.read(fetch_wheel(name))]
    kept = {text_id(p.text): p for p in keep_passages(documents, data.max_passages, data.max_passage_chars)}
    found = read_queries(
        ROOT / "data" / "queries",
        {identifier: passage.text for identifier, passage in kept.items()},
        {identifier: split_of(passage.document) for identifier, passage in kept.items()},
    )
    for split, queries in found.items():
        assert len(queries) == len((ROOT / "data" / "queries" / f"{split}.jsonl").read_text("utf-8").splitlines())
        assert set(Counter(query.kind for query in queries)) == set(KINDS)
    assert all(split_of(kept[i].document) == "train" for query in found["train"] for i in query.passages)
