"""The model card: figures of this run in its tables, of the split that is reported."""

import pytest
from huggingface_hub import ModelCard
from ruamel.yaml import YAML
from sentence_transformers.sparse_encoder import SparseEncoderModelCardData

from kosplade.export.card import gain_lines, kind_table, model_card, reported_split, retrieval_table


def figures(start: float) -> dict:
    names = ("ndcg10", "mrr10", "recall1", "recall10", "recall100")
    return {name: start + place / 100 for place, name in enumerate(names)}


def split(start: float, queries: int) -> dict:
    systems = ("inference_free", "siamese", "bm25", "bm25_kiwi", "dense")
    gain = {"bm25": {"difference": start / 100, "p_holm": 0.04}, "bm25_kiwi": {"difference": -0.0264, "p_holm": 1.0}}
    measured = {name: figures(start + place / 10) for place, name in enumerate(systems)}
    return {"queries": queries} | measured | {"ndcg10_gain": {"inference_free": gain, "siamese": gain}}


METRICS = {"documents": 900, "val": split(0.5, 30), "test": split(0.1, 40)}


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


def kinds() -> dict:
    def one(value: float) -> dict:
        return {"ndcg10": value, "low": value - 0.05, "high": value + 0.05}

    names = ("inference_free", "siamese", "bm25", "bm25_kiwi", "dense")
    systems = {name: one(value) for name, value in zip(names, (0.5, 0.6, 0.25, 0.3, 0.7), strict=True)}
    return {
        "val": {"question": {"queries": 3} | systems},
        "test": {"keyword": {"queries": 7} | systems, "question": {"queries": 12} | systems},
    }


def test_the_table_by_kind_shows_intervals():
    header, _, *body = rows(kind_table(kinds()))
    baselines = ["BM25, same pieces", "BM25, Kiwi morphemes", "dense teacher"]
    assert header == ["nDCG@10", "queries", "inference-free queries", "encoded queries", *baselines]
    cells = [f"{x:.3f} ({x - 0.05:.3f} - {x + 0.05:.3f})" for x in (0.5, 0.6, 0.25, 0.3, 0.7)]
    assert body == [["keyword", "7", *cells], ["question", "12", *cells]]


@pytest.fixture
def card() -> str:
    return model_card(
        version="v25",
        base="some/base",
        licence="mit",
        retrieval=METRICS,
        sparsity={"semantic_top10": 0.91, "document_nnz": 61.5},
        max_length=77,
    )


def test_the_metadata_block_is_yaml(card):
    _, block, _ = card.split("---\n", 2)
    data = YAML(typ="safe", pure=True).load(block)
    assert (data["language"], data["license"]) == ("ko", "mit")
    assert card.startswith("---\n")


def test_the_hub_finds_it_as_sentence_transformers_would_tag_it(card):
    # ModelCard.validate asks huggingface.co: only its reading of the block is checked here.
    data = ModelCard(card).data
    assert (data.library_name, data.pipeline_tag) == ("sentence-transformers", "feature-extraction")
    assert {*SparseEncoderModelCardData().tags, "splade", "inference-free"} <= set(data.tags)


def test_the_card_names_what_was_measured(card):
    assert "# Korean neural sparse encoder v25" in card
    assert "Base model: some/base." in card
    assert "40 test queries, 900 documents." in card
    assert retrieval_table(METRICS) in card
    assert gain_lines(METRICS) in card
    assert ["semantic top10", "0.910"] in rows(card)
    assert ["document nnz", "61.500"] in rows(card)
    assert "max_length=77" in card


def test_the_cards_code_compiles(card):
    code = [block.split("```")[0] for block in card.split("```python\n")[1:]]
    for block in code:
        compile(block, "card", "exec")
    assert "SparseEncoder" in code[0]
    assert "log1p" in code[1]
