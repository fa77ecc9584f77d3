"""The embedded data as a whole."""

import json
from pathlib import Path

import pytest

from kosplade.corpus.documents import split_of
from kosplade.corpus.embedded import READERS, keep_passages, prepare_embedded
from kosplade.corpus.queries import HELD_OUT, SPLITS
from kosplade.corpus.sources import manuals
from kosplade.params import load_params
from kosplade.paths import PREPARED
from kosplade.records.record import training_files
from kosplade.records.text import normalised, text_id, text_key
from kosplade.records.training import KnownAnswers, LeftOut, pair_numbers, read_training
from kosplade.wheels import fetch_wheel

ROOT = Path(__file__).parents[2]
DATA = load_params(ROOT / "params.yaml").data.model_copy(update={"hard_negatives": 2})
QUERIES, SOURCES = ROOT / "data/queries", ROOT / "data/sources.yaml"


def _rows(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _files(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_folder_is_complete_and_consistent(embedded):
    folder, passages = embedded.root / PREPARED, embedded.passages
    corpus = {row["_id"]: row["text"] for row in _rows(folder / "corpus.jsonl")}
    queries = {row["_id"]: row for row in _rows(folder / "queries.jsonl")}
    assert len(corpus) == passages == DATA.max_passages
    assert all(text_id(text) == identifier for identifier, text in corpus.items())
    asked = set()
    for split in HELD_OUT:
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
    rows = _rows(embedded.root / PREPARED / "train_questions.jsonl")
    # A passage that also answers a test query is not trained on, and a query that has no other goes with it.
    keys = {row["_id"]: text_key(row["text"]) for row in _rows(embedded.root / PREPARED / "corpus.jsonl")}
    asked = _rows(QUERIES / "train.jsonl")
    wanted = {row["query"] for row in asked if not embedded.kept_out.issuperset(keys[i] for i in row["passages"])}
    assert {row["query"] for row in rows} == wanted
    assert len(wanted) > 1500
    assert all(len(row["negative"]) == 2 for row in rows)


def test_the_reader_has_nothing_to_drop_and_negatives_are_good(embedded):
    folder = embedded.root / PREPARED
    files, left = training_files(folder), LeftOut()
    pairs_N2 = pair_numbers(files)
    records = list(read_training(files, embedded.kept_out, KnownAnswers(pairs_N2), left))
    assert left.lines() == []
    assert len(records) == len(pairs_N2) > 4500
    judged = {normalised(row["positive"]) for row in _rows(folder / "val.jsonl")}
    for record in records:
        assert record.positive not in record.negatives
        assert len(record.negatives) <= 2
        assert not judged & {normalised(text) for text in (record.positive, *record.negatives)}


def test_every_text_gives_records_and_every_named_passage_stays(embedded):
    folder = embedded.root / PREPARED
    corpus = {row["_id"] for row in _rows(folder / "corpus.jsonl")}
    named = {i for split in SPLITS for row in _rows(QUERIES / f"{split}.jsonl") for i in row["passages"]}
    assert named <= corpus
    assert {file.stem for file in training_files(folder)} == {f"train_{name}" for name in (*READERS, "questions")}
    assert all(len(_rows(file)) > 300 for file in training_files(folder))


@pytest.mark.full
def test_equal_runs_give_equal_bytes(embedded, tmp_path):
    prepare_embedded(tmp_path, DATA, QUERIES, SOURCES, lambda line: None)
    assert _files(tmp_path) == _files(embedded.root / PREPARED)


def test_reading_order_does_not_matter_and_the_limit_only_shortens():
    documents = manuals.read(fetch_wheel("manuals", ROOT / "data/sources.yaml"))
    kept = [passage.text for passage in keep_passages(documents, 0, 300)]
    assert kept == [passage.text for passage in keep_passages(documents[::-1], 0, 300)]
    assert {split_of(document) for document in documents} == {"train", "val", "test"}
