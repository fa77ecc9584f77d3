"""Reading a BEIR folder: what is kept, and every way the input can be wrong."""

import json
import unicodedata
from pathlib import Path

import pytest
from refused import message

from kosplade.retrieval.beir import Collection, read_collection, read_splits

CORPUS = [
    {"_id": "d1", "title": "제목", "text": "본문"},
    {"_id": "d2", "title": "", "text": "둘째"},
    {"_id": "d3", "text": "셋째"},
    {"_id": "d4", "title": "제목만", "text": ""},
]
QUERIES = [
    {"_id": "q1", "text": "하나"},
    {"_id": "q2", "text": "둘", "kind": "title"},
    {"_id": "q3", "text": "셋"},
]
HEADER = "query-id\tcorpus-id\tscore\n"
QRELS = HEADER + "q2\td1\t1\nq1\td2\t2\nq2\td3\t0\n"


@pytest.fixture
def folder(tmp_path) -> Path:
    write_jsonl(tmp_path / "corpus.jsonl", CORPUS)
    write_jsonl(tmp_path / "queries.jsonl", QUERIES)
    write_qrels(tmp_path, QRELS)
    return tmp_path


def write_jsonl(path: Path, records: list[dict]) -> None:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")


def write_qrels(folder: Path, text: str) -> None:
    (folder / "qrels").mkdir(exist_ok=True)
    (folder / "qrels" / "test.tsv").write_text(text, encoding="utf-8")


def test_reads_the_judged_queries_in_file_order(folder):
    assert read_collection(folder, "test") == Collection(
        document_ids=["d1", "d2", "d3", "d4"],
        documents=["제목\n본문", "둘째", "셋째", "제목만"],
        query_ids=["q1", "q2"],
        queries=["하나", "둘"],
        query_kinds=[None, "title"],
        qrels={"q1": {"d2": 2}, "q2": {"d1": 1, "d3": 0}},
    )


def test_the_splits_that_a_folder_has_end_with_the_reported_one(folder):
    for split in ("wider", "val"):
        (folder / f"qrels/{split}.tsv").write_text(HEADER + "q3\td2\t1\n", encoding="utf-8")
    splits = read_splits(folder)
    assert list(splits) == ["val", "wider", "test"]
    assert [one.query_ids for one in splits.values()] == [["q3"], ["q3"], ["q1", "q2"]]


def test_tolerates_windows_lines_blank_lines_a_byte_order_mark_and_repeated_judgements(folder):
    expected = read_collection(folder, "test")
    write_qrels(folder, "\ufeff" + (QRELS + "\nq1\td2\t2.0\n").replace("\n", "\r\n"))
    assert read_collection(folder, "test") == expected


@pytest.mark.parametrize(
    ("id_", "spelt"),
    [
        ("질문", unicodedata.normalize("NFD", "질문")),
        (unicodedata.normalize("NFD", "질문"), "질문"),
        ("금융 - 240130(보도자료) 100%.pdf - 1", "금융 - 240130(보도자료) 100%.pdf - 1"),
        ("  a  b ", "  a  b "),
        ("a b", " a b "),
        (" ", " "),
        ('"A" 안', '"""A"" 안"'),  # as csv and pandas write it
        ("x\0y", "x\0y"),
    ],
)
def test_ids_are_the_collections_and_found_however_they_are_spelt(folder, id_, spelt):
    write_jsonl(folder / "queries.jsonl", [{"_id": id_, "text": "하나"}])
    write_qrels(folder, f"{HEADER}{spelt}\td1\t-1\n")
    assert read_collection(folder, "test").qrels == {id_: {"d1": -1}}


def test_two_ids_that_differ_in_their_unicode_form_are_two(folder):
    ids = ["가", unicodedata.normalize("NFD", "가")]
    write_jsonl(folder / "queries.jsonl", [{"_id": id_, "text": "하나"} for id_ in ids])
    write_qrels(folder, f"{HEADER}{ids[0]}\td1\t1\n{ids[1]}\td2\t1\n")
    assert read_collection(folder, "test").qrels == {ids[0]: {"d1": 1}, ids[1]: {"d2": 1}}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (QRELS + "q9\td1\t1\n", "test.tsv:5: query 'q9' is not in queries.jsonl"),
        (QRELS + "q1\td9\t1\n", "test.tsv:5: document 'd9' is not in corpus.jsonl"),
        (QRELS + "q1\td1\t0.5\n", "test.tsv:5: score '0.5' is not a whole number"),
        (QRELS + f"q1\td1\t{'9' * 5000}\n", "test.tsv:5: score '999"),
        (QRELS + "q1\td1\t²\n", "test.tsv:5: score '²' is not a whole number"),
        (QRELS + "q1\td1\t1\t1\n", "test.tsv:5: query-id, corpus-id and score are expected"),
        (QRELS + "q1\td2\t1\n", "test.tsv:5: 'q1' and 'd2' have another score"),
        (QRELS + "q1 d1 1\n", "test.tsv:5: "),
        ("q1\td1\t1\n", "test.tsv:1: the header"),
        ("질문\td1\t1\n".encode("cp949"), "test.tsv:1: not UTF-8"),
        ("", "test.tsv: no judgements"),
        (HEADER, "test.tsv: no judgements"),
    ],
)
def test_bad_judgements_are_named(folder, text, said):
    (folder / "qrels/test.tsv").write_bytes(text if isinstance(text, bytes) else text.encode())
    assert f"{folder / 'qrels'}/{said}" in message(read_collection, folder, "test")


@pytest.mark.parametrize(
    ("name", "record", "said"),
    [
        ("corpus.jsonl", {"_id": "d9", "title": " ", "text": " "}, "5: a document without title or text"),
        ("corpus.jsonl", {"_id": "d9", "text": 3}, "5: a title or text that is not a string"),
        ("corpus.jsonl", {"text": "본문"}, "5: field '_id'"),
        ("corpus.jsonl", {"_id": "d2", "text": "본문"}, "5: _id 'd2' occurs twice"),
        ("queries.jsonl", {"_id": "q9", "text": "셋", "kind": 3}, "4: a kind"),
        ("queries.jsonl", {"_id": "q3", "text": "셋"}, "4: _id 'q3' occurs twice"),
    ],
)
def test_a_bad_record_is_named(folder, name, record, said):
    write_jsonl(folder / name, [*(CORPUS if name == "corpus.jsonl" else QUERIES), record])
    assert f"{folder / name}:{said}" in message(read_collection, folder, "test")


@pytest.mark.parametrize("name", ["corpus.jsonl", "queries.jsonl", "qrels/test.tsv"])
def test_a_missing_file_is_named_with_the_splits_that_are_there(folder, name):
    (folder / name).rename(folder / f"{name}.jsonl")
    (folder / "qrels/dev.tsv").touch()
    assert f"{folder / name} not found" in message(read_collection, folder, "test")
    assert "dev" in message(read_collection, folder, "test")


def test_titles_can_be_left_out_but_a_title_alone_is_no_text(folder):
    said = message(read_collection, folder, "test", with_titles=False)
    assert "corpus.jsonl:4: a document without text" in said
    write_jsonl(folder / "corpus.jsonl", CORPUS[:3])
    assert read_collection(folder, "test", with_titles=False).documents == ["본문", "둘째", "셋째"]
