"""Which way of a metric is better, and which figures may be compared."""

import pytest
from report.conftest import BASIS

from kosplade.report.figures import change, direction, importance, not_comparable


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("test.encoded.ndcg10", 1),
        ("test.question.inference_free.ndcg10", 1),
        ("val.inference_free.recall100", 1),
        ("semantic_top10", 1),
        ("test.ndcg10_gain.encoded.bm25.difference", 1),
        ("stopword_activation", -1),
        ("document_nnz", -1),
        ("inference_free.flops", -1),
        # no merit of the change, or not known
        ("test.bm25.ndcg10", 0),
        ("dense.document_nnz", 0),
        ("test.ndcg10_gain.encoded.bm25.p_holm", 0),
        ("flops_factor", 0),
        ("queries", 0),
    ],
)
def test_directions(metric, expected):
    assert direction(metric) == expected


@pytest.mark.parametrize(
    ("metric", "base", "now", "expected"),
    [
        ("test.encoded.ndcg10", 0.7, 0.8, ("+0.100", "▲", "better")),
        ("test.encoded.ndcg10", 0.7, 0.6, ("\N{MINUS SIGN}0.100", "▼", "worse")),
        ("document_nnz", 111.0, 130.5, ("+19.5", "▲", "worse")),
        ("document_nnz", 111, 90, ("\N{MINUS SIGN}21", "▼", "better")),
        ("loss", 1.0, 2.0, ("+1.000", "▲", "")),
        ("loss", 1.0, 1.0001, ("equal", "", "")),
        ("loss", None, 2.0, ("", "", "new")),
        ("document_nnz", 2.0, None, ("", "", "gone")),
        ("document_nnz", "a", "b", ("", "", "")),
    ],
)
def test_changes(metric, base, now, expected):
    assert change(metric, base, now) == expected


def test_what_matters_most_comes_first():
    names = ["queries", "test.encoded.recall100", "document_nnz", "test.encoded.ndcg10"]
    assert sorted(names, key=importance) == names[::-1]


ALL = {
    ("eval", "test.encoded.ndcg10"),
    ("eval", "val.encoded.ndcg10"),
    ("eval", "test.bm25.ndcg10"),
    ("eval", "test.ndcg10_gain.encoded.bm25.difference"),
    ("eval_by_kind", "test.question.dense.ndcg10"),
    ("cost", "encoded.flops"),
    ("sparsity", "document_nnz"),
    ("train/metrics", "loss"),
}
OF_BM25 = {("eval", "test.bm25.ndcg10"), ("eval", "test.ndcg10_gain.encoded.bm25.difference")}


@pytest.mark.parametrize(
    ("change", "lost"),
    [
        ({}, set()),
        ({"documents": "other"}, ALL),
        ({"val": "other"}, {("eval", "val.encoded.ndcg10")}),
        ({"depth": 200}, ALL - {("cost", "encoded.flops"), ("sparsity", "document_nnz"), ("train/metrics", "loss")}),
        ({"bm25": "other"}, OF_BM25),
        ({"dense": "other"}, {("eval_by_kind", "test.question.dense.ndcg10")}),
        ({"sample": 50}, {("sparsity", "document_nnz")}),
    ],
)
def test_only_figures_that_the_difference_decides_are_not_compared(change, lost):
    assert {one for one in ALL if not_comparable(BASIS, BASIS | change, *one, "test")} == lost


def test_a_base_without_a_basis_is_not_compared():
    assert not_comparable(None, BASIS, "eval", "test.encoded.ndcg10", "test").startswith("the base records no basis")
