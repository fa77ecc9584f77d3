"""From the public forms to training pairs and BEIR folders, and what a broken file says."""

import io
import json
import tarfile

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
    tar_gz,
    train,
)

from kosplade.errors import UserError
from kosplade.retrieval.beir import read_collection
from kosplade.tools.imports.judged import convert_beir, convert_miracl
from kosplade.tools.imports.rows import read_tar_member
from kosplade.tools.imports.squad import convert_squad, cut, parse

SQUAD = {"train": ("train.json",), "dev": ("dev.json",)}


def lines(path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def failure(convert, *arguments) -> str:
    with pytest.raises(UserError) as error:
        convert(*arguments)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_squad_becomes_pairs_and_a_collection(tmp_path):
    (tmp_path / "train.json").write_bytes(train())
    (tmp_path / "dev.json").write_bytes(dev())
    said = convert_squad(tmp_path, SQUAD, tmp_path / "train.jsonl", tmp_path / "beir", 60)
    assert lines(tmp_path / "train.jsonl") == [
        {"query": "한글을 만든 임금은?", "positive": SEJONG_CUT[0]},
        {"query": "해례본을 쓴 사람은?", "positive": SEJONG_CUT[1]},
    ]  # the pair on the Han River shares its passage with dev
    found = read_collection(tmp_path / "beir", "test")
    assert found.documents == [HANGANG, DOKDO]
    assert found.queries == ["서울을 지나는 강은?", "독도는 어느 섬의 동쪽에 있나?"]
    assert [found.qrels[query] for query in found.query_ids] == [{found.document_ids[i]: 1} for i in range(2)]
    assert said == (
        "2 training pairs (1 more share text with dev, 0 questions without a passage, 1 without an answer, 0 repeated)"
        "; dev: 2 questions (0 questions without a passage, 0 without an answer, 0 repeated), "
        "2 passages of at most 60 characters"
    )


def test_an_answer_outside_every_passage_is_counted_not_guessed():
    asked = [question("?1", "1443년", SEJONG), question("?2", "세종대왕", SEJONG), question("?3", "도와", SEJONG)]
    asked.append(asked[2] | {"answers": [{"answer_start": 0, "text": "도와"}]})  # elsewhere, but not where it says
    asked.append(question("?4", "만들었다. 그는", SEJONG))  # reaches over the cut
    found = cut(list(parse(squad((SEJONG, asked)), "x.json")), len(SENTENCES[0]) - 1)
    assert found.passages == SENTENCES[1:]
    assert found.pairs == (("?1", SENTENCES[1]), ("?3", SENTENCES[2]))
    assert found.lost == 3


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b'{"data": [', "train.json: not JSON ("),
        (b"[]", "train.json: 'data' is missing or not a list. SQuAD's JSON is expected: "),
        (b'{"data": [{}]}', "train.json: data[0]: 'paragraphs' is missing"),
        (b'{"data": [{"paragraphs": [{"qas": []}]}]}', "train.json: data[0].paragraphs[0]: field 'context' is missing"),
        (
            b'{"data": [{"paragraphs": [{"qas": [], "context": "\\ud800"}]}]}',
            "paragraphs[0]: field 'context' is missing",
        ),
        (squad((SEJONG, [{"question": "?"}])), "data[0].paragraphs[0].qas[0]: 'answers' is missing or not a list."),
        (squad((SEJONG, [{"answers": [{}]}])), "qas[0].answers[0]: 'answer_start' is missing or no position."),
        (squad((SEJONG, [{"answers": [{"answer_start": 1, "text": "종"}]}])), "qas[0]: field 'question' is missing"),
        (squad((SEJONG, [])), "train.json: no passage holds an answer. Raise data.max_passage_chars."),
    ],
)
def test_another_shape_than_squad_names_the_place(tmp_path, data, message):
    (tmp_path / "train.json").write_bytes(data)
    (tmp_path / "dev.json").write_bytes(dev())
    found = failure(convert_squad, tmp_path, SQUAD, tmp_path / "train.jsonl", tmp_path / "beir", 60)
    assert found.startswith(str(tmp_path / "train.json"))
    assert message in found
    assert not (tmp_path / "train.jsonl").exists()


def test_a_missing_file_is_named(tmp_path):
    found = failure(convert_squad, tmp_path, SQUAD, tmp_path / "train.jsonl", tmp_path / "beir", 60)
    assert found == f"{tmp_path / 'train.json'} is not among what was imported. Check 'files' in data/registry.yaml."


def test_a_member_of_an_archive_is_read_in_memory(tmp_path):
    (tmp_path / "x.tar.gz").write_bytes(tar_gz({"a/b": "나".encode(), "c": b"c"}))
    assert read_tar_member(tmp_path / "x.tar.gz", "a/b", 4).decode() == "나"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.tar.gz"]
    assert failure(read_tar_member, tmp_path / "x.tar.gz", "d", 4).startswith(f"{tmp_path}/x.tar.gz has no file d.")
    assert "holds more than the 3 bytes expected" in failure(read_tar_member, tmp_path / "x.tar.gz", "c", 3)


@pytest.mark.parametrize("name", ["../out.json", "a/../../out.json", "/tmp/out.json"])
def test_a_member_that_leads_out_of_the_archive_is_refused(tmp_path, name):
    (tmp_path / "x.tar.gz").write_bytes(tar_gz({"a": b"a", name: b"b"}))
    found = failure(read_tar_member, tmp_path / "x.tar.gz", "a", 99)
    assert found == f"{tmp_path}/x.tar.gz: member '{name}' leads out of the archive. Do not use it."


def test_a_link_in_an_archive_leads_nowhere(tmp_path):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        link = tarfile.TarInfo("a")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    (tmp_path / "x.tar.gz").write_bytes(packed.getvalue())
    assert failure(read_tar_member, tmp_path / "x.tar.gz", "a", 99).startswith(f"{tmp_path}/x.tar.gz has no file a.")


@pytest.mark.parametrize("data", [b"", b"no archive", tar_gz({"a": bytes(range(256)) * 400})[:-200]])
def test_a_truncated_archive(tmp_path, data):
    (tmp_path / "x.tar.gz").write_bytes(data)
    assert failure(read_tar_member, tmp_path / "x.tar.gz", "b", 1 << 20).startswith(
        f"{tmp_path}/x.tar.gz is no whole .tar.gz"
    )


@pytest.mark.parametrize(("ending", "write"), [("jsonl", jsonl), ("jsonl.gz", gz), ("parquet", parquet)])
def test_beir_of_the_hub(tmp_path, ending, write):
    for role, rows in BEIR.items():
        (tmp_path / f"{role}.{ending}").write_bytes(write(*rows))
    files = {role: (f"{role}.{ending}",) for role in BEIR}
    assert (
        convert_beir(tmp_path, files, tmp_path / "beir")
        == "1 queries (1 more without a judgement left out), 1 judgements, 2 documents (0 blank ones left out)"
    )
    found = read_collection(tmp_path / "beir", "test")
    assert (found.document_ids, found.documents) == (["d1", "d2"], [f"한강\n{HANGANG}", DOKDO])
    assert (found.query_ids, found.queries, found.qrels) == (["q1"], ["한강은 어디로 흐르나요?"], {"q1": {"d1": 1}})


def test_miracl(tmp_path):
    for name, data in MIRACL.items():
        (tmp_path / name).write_bytes(data)
    files = {"topics": ("topics.tsv",), "qrels": ("qrels.tsv",), "corpus": ("docs-0.jsonl.gz", "docs-1.jsonl.gz")}
    said = convert_miracl(tmp_path, files, tmp_path / "beir")
    assert said == "1 queries (1 more without a judgement left out), 2 judgements, 2 documents (1 blank ones left out)"
    found = read_collection(tmp_path / "beir", "test")
    assert (found.document_ids, found.documents) == (["7#0", "7#1"], [f"독도\n{HANGANG}", f"독도\n{DOKDO}"])
    assert (found.queries, found.qrels) == (["독도는 어디에 있나요?"], {"12": {"7#1": 1, "7#0": 0}})


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("topics.tsv", b"12 without a tab\n", "topics.tsv:1: field 'query' is missing"),
        ("topics.tsv", "12\t질문\n".encode("euc-kr"), "topics.tsv: not UTF-8 ("),
        ("topics.tsv", "13\t질문\n".encode(), "qrels.tsv:1: query '12' is not among the queries."),
        ("qrels.tsv", b"12\t7#1\t1\n", "qrels.tsv:1: query, Q0, document and relevance are expected."),
        ("qrels.tsv", b"\n12\tQ0\t7#1\t0.5\n", "qrels.tsv:2: score '0.5' is not a whole number."),
        ("qrels.tsv", b"12\tQ0\t8#8\t1\n", "1 judged documents are not in the corpus, 8#8 is one."),
        ("docs-1.jsonl.gz", MIRACL["docs-1.jsonl.gz"][:-12], "docs-1.jsonl.gz: broken after line "),
        ("docs-1.jsonl.gz", b"no gzip", "docs-1.jsonl.gz: broken after line 0 ("),
        ("docs-1.jsonl.gz", gz({"title": "?"}), "docs-1.jsonl.gz:1: field 'docid' is missing"),
        ("docs-1.jsonl.gz", gz({"docid": "7#1", "text": 5}), "docs-1.jsonl.gz:1: title or text is no whole text."),
    ],
)
def test_broken_miracl_names_the_place(tmp_path, name, data, message):
    for other, good in (MIRACL | {name: data}).items():
        (tmp_path / other).write_bytes(good)
    files = {"topics": ("topics.tsv",), "qrels": ("qrels.tsv",), "corpus": ("docs-0.jsonl.gz", "docs-1.jsonl.gz")}
    assert message in failure(convert_miracl, tmp_path, files, tmp_path / "beir")


def test_broken_parquet(tmp_path):
    for role, rows in BEIR.items():
        (tmp_path / f"{role}.parquet").write_bytes(parquet(*rows))
    (tmp_path / "corpus.parquet").write_bytes(parquet(*BEIR["corpus"])[:-9])
    found = failure(convert_beir, tmp_path, {role: (f"{role}.parquet",) for role in BEIR}, tmp_path / "beir")
    assert found.startswith(f"{tmp_path}/corpus.parquet: no whole Parquet file (")
