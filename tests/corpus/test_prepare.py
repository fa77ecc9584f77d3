"""The data folder as a whole: embedded, from a user, and which file is whose."""

import dataclasses
import json
from pathlib import Path

import pytest

from kosplade.corpus.documents import split_of
from kosplade.corpus.embedded import keep_passages, prepare_embedded
from kosplade.corpus.sources import manuals
from kosplade.corpus.user import Smallest, prepare_user
from kosplade.errors import UserError
from kosplade.params import load_params
from kosplade.records.record import held_out, read_records, read_training
from kosplade.records.text import normalised, text_id, text_key
from kosplade.wheels import fetch_wheel

ROOT = Path(__file__).parents[2]
DATA = dataclasses.replace(load_params(ROOT / "params.yaml").data, hard_negatives=2)
QUERIES, SOURCES = ROOT / "data/queries", ROOT / "data/sources.yaml"


def _rows(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _files(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _prepare(folder, data=DATA):
    return prepare_embedded(folder, data, QUERIES, SOURCES, lambda line: None)


@pytest.fixture(scope="module")
def embedded(tmp_path_factory):
    """The embedded folder; tests must not change it."""
    folder = tmp_path_factory.mktemp("embedded")
    return folder, _prepare(folder)


def test_the_folder_is_complete_and_consistent(embedded):
    folder, counts = embedded
    corpus = {row["_id"]: row["text"] for row in _rows(folder / "corpus.jsonl")}
    queries = {row["_id"]: row for row in _rows(folder / "queries.jsonl")}
    assert len(corpus) == counts["passages"] >= DATA.max_passages
    assert len(queries) == counts["queries"]
    assert all(text_id(text) == identifier for identifier, text in corpus.items())
    asked = set()
    for split in ("val", "test"):
        judged = [line.split("\t") for line in (folder / f"qrels/{split}.tsv").read_text().splitlines()]
        assert judged.pop(0) == ["query-id", "corpus-id", "score"]
        assert all(passage in corpus and score == "1" for _, passage, score in judged)
        written = {text_id(row["query"]) for row in _rows(QUERIES / f"{split}.jsonl")}
        assert {query for query, _, _ in judged} == written
        asked |= written
    assert asked == set(queries)
    assert {row["kind"] for row in queries.values()} == {"keyword", "question", "paraphrase", "cross-lingual"}
    pairs = {(row["query"], row["positive"]) for row in _rows(folder / "val.jsonl")}
    assert {query for query, _ in pairs} == {row["query"] for row in _rows(QUERIES / "val.jsonl")}


def test_written_training_queries_join_the_triplets(embedded):
    rows = _rows(embedded[0] / "train_questions.jsonl")
    kept_out = held_out(embedded[0])
    # A passage that also answers a test query is not trained on, and a query that has no other goes with it.
    keys = {row["_id"]: text_key(row["text"]) for row in _rows(embedded[0] / "corpus.jsonl")}
    asked = _rows(QUERIES / "train.jsonl")
    wanted = {row["query"] for row in asked if not kept_out.issuperset(keys[i] for i in row["passages"])}
    assert {row["query"] for row in rows} == wanted
    assert len(wanted) > 1500
    assert all(len(row["negative"]) == 2 for row in rows)


def test_training_holds_no_held_out_text_and_good_negatives(embedded):
    folder, counts = embedded
    records = list(read_training(folder))
    assert len(records) == counts["train"], "the reader dropped records: held-out text was written"
    kept_out = held_out(folder)
    judged = {normalised(row["positive"]) for row in _rows(folder / "val.jsonl")}
    for record in records:
        assert record.positive not in record.negatives
        assert len(record.negatives) <= 2
        assert not kept_out & {text_key(text) for text in record.negatives}
        assert not judged & {normalised(text) for text in (record.positive, *record.negatives)}


def test_equal_runs_give_equal_bytes_and_the_folder_may_be_written_again(embedded, tmp_path):
    first = _files(embedded[0])
    for name, data in first.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    _prepare(tmp_path)
    assert _files(tmp_path) == first


def test_a_change_that_drops_judged_passages_fails_with_their_ids(tmp_path):
    with pytest.raises(UserError, match=r"^\d+ passages judged in .* are not among the prepared ones: [0-9a-f]{16} "):
        _prepare(tmp_path, dataclasses.replace(DATA, max_passages=2000))
    assert not list(tmp_path.iterdir())


def test_reading_order_does_not_matter_and_the_limit_only_shortens():
    documents = manuals.read(fetch_wheel("manuals", ROOT / "data/sources.yaml"))
    kept = [passage.text for passage in keep_passages(documents, 0, 300)]
    assert kept == [passage.text for passage in keep_passages(documents[::-1], 0, 300)]
    assert {split_of(document) for document in documents} == {"train", "val", "test"}


def test_files_of_a_user_stop_the_embedded_data_untouched(tmp_path):
    mine = tmp_path / "train_mine.jsonl"
    mine.write_text('{"query": "q", "positive": "p"}\n')
    with pytest.raises(UserError, match=f"{mine} was not written by prepare. Move it, or set data.source=user"):
        _prepare(tmp_path)
    assert list(tmp_path.iterdir()) == [mine]


def _user_folder(folder, count=40):
    rows = [{"query": f"질문 {n}", "positive": f"답은 {n}입니다.", "negative": "아닙니다."} for n in range(count)]
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (folder / "train_mine.jsonl").write_text(text, encoding="utf-8")
    return text


def test_user_data_is_held_out_and_evaluated_beside_the_untouched_files(tmp_path):
    text = _user_folder(tmp_path)
    counts = prepare_user(tmp_path, val_queries=5, max_passages=12, say=print)
    assert counts == {"records": 40, "queries": 5, "passages": 5 + 12, "repeating": 0, "negatives": 0}
    assert (tmp_path / "train_mine.jsonl").read_text(encoding="utf-8") == text
    held = {record.query for record in read_records(tmp_path / "val.jsonl")}
    assert len(held) == 5
    assert not held & {record.query for record in read_training(tmp_path)}
    assert len(list(read_training(tmp_path))) == 35
    first = _files(tmp_path)
    prepare_user(tmp_path, val_queries=5, max_passages=12, say=print)
    assert _files(tmp_path) == first
    assert prepare_user(tmp_path, val_queries=8, max_passages=0, say=print)["passages"] == 40


def test_a_validation_file_of_the_user_is_kept_and_its_overlap_counted(tmp_path):
    _user_folder(tmp_path)
    given = '{"query": "질문 3", "positive": "다른 답"}\n{"query": "새 질문", "positive": "답은 7입니다."}\n'
    (tmp_path / "val.jsonl").write_text(given, encoding="utf-8")
    counts = prepare_user(tmp_path, val_queries=5, max_passages=0, say=print)
    assert counts == {"records": 40, "queries": 2, "passages": 2 + 38, "repeating": 2, "negatives": 0}
    assert (tmp_path / "val.jsonl").read_text(encoding="utf-8") == given
    assert "val.jsonl" not in json.loads((tmp_path / "prepared.json").read_text())


def test_user_data_replaces_leftovers_of_the_embedded_data_only(embedded, tmp_path):
    for name, data in _files(embedded[0]).items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    edited = tmp_path / "train_manuals.jsonl"
    edited.write_bytes(edited.read_bytes() + '{"query": "내 질문", "positive": "내 답"}\n'.encode())
    prepare_user(tmp_path, val_queries=5, max_passages=100, say=print)
    assert [path.name for path in sorted(tmp_path.glob("train_*.jsonl"))] == ["train_manuals.jsonl"]


@pytest.mark.parametrize(
    ("name", "line", "message"),
    [
        ("train_mine.jsonl", '{"query": 1}', r"train_mine\.jsonl:1: field 'query'"),
        ("corpus.jsonl", "{}", r"corpus\.jsonl was not written by prepare"),
        ("val.jsonl", "", r"val\.jsonl holds no record"),
    ],
)
def test_problems_of_user_data_are_named_before_anything_is_written(tmp_path, name, line, message):
    _user_folder(tmp_path)
    (tmp_path / name).write_text(line + "\n")
    before = _files(tmp_path)
    with pytest.raises(UserError, match=message):
        prepare_user(tmp_path, val_queries=5, max_passages=0, say=print)
    assert _files(tmp_path) == before


def test_holding_out_everything_is_refused(tmp_path):
    _user_folder(tmp_path, count=4)
    with pytest.raises(UserError, match="leaves no training record"):
        prepare_user(tmp_path, val_queries=5, max_passages=0, say=print)


def test_a_sample_by_smallest_id_does_not_depend_on_order():
    ids = [text_id(str(number)) for number in range(500)]
    samples = []
    for order in (ids, ids[::-1], ids + ids):
        sample = Smallest(20)
        for identifier in order:
            sample.add(identifier)
        samples.append([identifier for identifier in ids if identifier in sample])
    assert samples[0] == samples[1] == samples[2] == sorted(samples[0], key=ids.index)
    assert len(samples[0]) == 20
    assert max(samples[0]) < min(set(ids) - set(samples[0]))


def test_one_negative_is_a_string(tmp_path):
    _prepare(tmp_path, dataclasses.replace(DATA, hard_negatives=1))
    assert all(isinstance(row.get("negative", ""), str) for row in _rows(tmp_path / "train_payments.jsonl"))
