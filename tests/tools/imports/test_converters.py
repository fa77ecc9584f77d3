"""From the public forms to training pairs and BEIR folders, and what a broken file says."""

import json

import pytest
from tools.imports.samples import (
    BEIR,
    DOKDO,
    HANGANG,
    MIRACL,
    SEJONG,
    SEJONG_CUT,
    SENTENCES,
    dev,
    gz,
    jsonl,
    parquet,
    question,
    squad,
    train,
)

from kosplade.errors import UserError
from kosplade.retrieval.beir import read_collection
from kosplade.tools.imports.judged import convert_judged
from kosplade.tools.imports.squad import convert_squad, cut, read

SQUAD = {"train": ("train.json",), "dev": ("dev.json",)}
MIRACL_FILES = {"queries": ("topics.tsv",), "qrels": ("qrels.tsv",), "corpus": ("docs-0.jsonl.gz", "docs-1.jsonl.gz")}


def failure(convert, *arguments) -> str:
    with pytest.raises(UserError) as error:
        convert(*arguments)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_squad_becomes_pairs_and_a_collection(tmp_path):
    (tmp_path / "train.json").write_bytes(train())
    (tmp_path / "dev.json").write_bytes(dev())
    said = convert_squad(tmp_path, SQUAD, tmp_path / "train.jsonl", tmp_path / "beir", 60)
    assert [json.loads(line) for line in (tmp_path / "train.jsonl").read_text(encoding="utf-8").splitlines()] == [
        {"query": "한글을 만든 임금은?", "positive": SEJONG_CUT[0]},
        {"query": "해례본을 쓴 사람은?", "positive": SEJONG_CUT[1]},
    ]  # the pair on the Han River shares its passage with dev
    found = read_collection(tmp_path / "beir", "test")
    assert found.documents == [HANGANG, DOKDO]
    assert found.queries == ["서울을 지나는 강은?", "독도는 어느 섬의 동쪽에 있나?"]
    assert [found.qrels[query] for query in found.query_ids] == [{found.document_ids[i]: 1} for i in range(2)]
    assert said == (
        "2 training pairs, 2 dev questions, 2 dev passages of at most 60 characters; "
        "questions left out: 1 share text with dev, 1 without an answer"
    )


def test_an_answer_outside_every_passage_is_counted_not_guessed(tmp_path):
    asked = [question("?1", "1443년", SEJONG), question("?2", "세종대왕", SEJONG), question("?3", "도와", SEJONG)]
    asked.append(asked[2])
    asked.append(asked[2] | {"answers": [{"answer_start": 0, "text": "도와"}]})  # elsewhere, but not where it says
    asked.append(question("?4", "만들었다. 그는", SEJONG))  # reaches over the cut
    (tmp_path / "x.json").write_bytes(squad((SEJONG, asked)))
    pairs, texts, left_out = cut(read(tmp_path / "x.json"), len(SENTENCES[0]) - 1)
    assert texts == list(SENTENCES[1:])
    assert pairs == [("?1", SENTENCES[1]), ("?3", SENTENCES[2])]
    assert left_out == {"without a passage": 3, "repeated": 1}


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (b'{"data": [', "Invalid JSON"),
        (b"[]", "object"),
        (b'{"data": [{"paragraphs": [{"qas": []}]}]}', "data.0.paragraphs.0.context: "),
        (squad((SEJONG, [{"answers": [{"text": "a"}]}])), "data.0.paragraphs.0.qas.0.question: "),
        (squad((SEJONG, [{"question": "?", "answers": [{"text": "a"}]}])), "qas.0.answers.0.answer_start: "),
        ("한글".encode("euc-kr"), "broken after row 0"),
        (None, "No such file"),
        (squad((SEJONG, [])), "Raise data.max_passage_chars."),
    ],
)
def test_another_shape_than_squad_names_the_place(tmp_path, data, place):
    if data is not None:
        (tmp_path / "train.json").write_bytes(data)
    (tmp_path / "dev.json").write_bytes(dev())
    found = failure(convert_squad, tmp_path, SQUAD, tmp_path / "train.jsonl", tmp_path / "beir", 60)
    assert found.startswith(f"{tmp_path}/train.json:")
    assert place in found
    assert not (tmp_path / "train.jsonl").exists()


@pytest.mark.parametrize(("ending", "write"), [("jsonl", jsonl), ("jsonl.gz", gz), ("parquet", parquet)])
def test_beir_of_the_hub(tmp_path, ending, write):
    for role, rows in BEIR.items():
        (tmp_path / f"{role}.{ending}").write_bytes(write(*rows))
    said = convert_judged(tmp_path, {role: (f"{role}.{ending}",) for role in BEIR}, tmp_path / "beir")
    assert said == "1 queries (1 more without a judgement left out), 1 judgements, 2 documents"
    found = read_collection(tmp_path / "beir", "test")
    assert (found.document_ids, found.documents) == (["d1", "d2"], [f"한강\n{HANGANG}", DOKDO])
    assert (found.query_ids, found.queries, found.qrels) == (["q1"], ["한강은 어디로 흐르나요?"], {"q1": {"d1": 1}})


def test_miracl(tmp_path):
    for name, data in MIRACL.items():
        (tmp_path / name).write_bytes(data)
    said = convert_judged(tmp_path, MIRACL_FILES, tmp_path / "beir")
    assert said == "1 queries (1 more without a judgement left out), 2 judgements, 2 documents"  # and a blank one
    found = read_collection(tmp_path / "beir", "test")
    assert (found.document_ids, found.documents) == (["7#0", "7#1"], [f"독도\n{HANGANG}", f"독도\n{DOKDO}"])
    assert (found.queries, found.qrels) == (["독도는 어디에 있나요?"], {"12": {"7#1": 1, "7#0": 0}})


@pytest.mark.parametrize(
    ("name", "data", "place"),
    [
        ("topics.tsv", b"12 without a tab\n", "topics.tsv:1: text: "),
        ("topics.tsv", "12\t질문\n".encode("euc-kr"), "topics.tsv: broken after row 0 ("),
        ("qrels.tsv", b"12\t7#1\t1\n", "qrels.tsv:1: score: "),
        ("qrels.tsv", b"\n12\tQ0\t7#1\t0.5\n", "qrels.tsv:2: score: "),
        ("docs-1.jsonl.gz", MIRACL["docs-1.jsonl.gz"][:-12], "docs-1.jsonl.gz: broken after row "),
        ("docs-1.jsonl.gz", b"no gzip", "docs-1.jsonl.gz: broken after row 0 ("),
        ("docs-1.jsonl.gz", gz({"title": "?"}), "docs-1.jsonl.gz:1: _id: "),
        ("docs-1.jsonl.gz", gz({"docid": "7#1", "text": 5}), "docs-1.jsonl.gz:1: text: "),
        ("docs-1.jsonl.gz", gz({"docid": "7#1", "text": "\ud800"}), "docs-1.jsonl.gz:1: "),
    ],
)
def test_broken_miracl_names_the_place(tmp_path, name, data, place):
    for other, good in (MIRACL | {name: data}).items():
        (tmp_path / other).write_bytes(good)
    said = failure(convert_judged, tmp_path, MIRACL_FILES, tmp_path / "beir")
    assert place in said
    assert said.endswith("run the same command again.")


def test_broken_parquet(tmp_path):
    for role, rows in BEIR.items():
        (tmp_path / f"{role}.parquet").write_bytes(parquet(*rows))
    (tmp_path / "corpus.parquet").write_bytes(parquet(*BEIR["corpus"])[:-9])
    found = failure(convert_judged, tmp_path, {role: (f"{role}.parquet",) for role in BEIR}, tmp_path / "beir")
    assert found.startswith(f"{tmp_path}/corpus.parquet: broken after row 0 (")
