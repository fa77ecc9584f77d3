"""The comparison of two runs; the runs themselves are the benchmark's."""

import math

import pytest

from determinism import WEIGHTS, compare, difference, leaves, spread
from kosplade.errors import UserError

RUN = {WEIGHTS: "abc", "eval.test.ndcg10": 0.5, "sparsity.document_nnz": 100.0, "curves.2.loss": 3.0}


def test_leaves_of_nested_objects_and_lists():
    found = dict(leaves({"a": {"b": 1, "c": [2.5, {"d": "x"}]}, "e": None, "f": 0}))
    assert found == {"a.b": 1, "a.c.0": 2.5, "a.c.1.d": "x", "f": 0}


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [(2.0, 2.0, 0), (1.0, 2.0, 0.5), (-2.0, 2.0, 2), ("a", "a", 0), ("a", "b", math.inf), ("a", 1, math.inf)],
)
def test_a_difference_is_relative_to_the_larger(one, other, expected):
    assert difference(one, other) == expected == difference(other, one)


@pytest.mark.parametrize(
    ("change", "weights", "equal", "largest", "of"),
    [
        ({}, "equal", 3, "0", ""),
        (
            {WEIGHTS: "abd", "sparsity.document_nnz": 99.0, "curves.2.loss": 3.0000003},
            *("differ", 1, "1.0e-02", "sparsity.document_nnz"),
        ),
    ],
)
def test_the_figure_that_is_furthest_off_is_named(change, weights, equal, largest, of):
    expected = {"weights": weights, "figures": 3, "equal": equal, "largest difference": largest, "of": of}
    assert compare(RUN, RUN | change) == expected


def test_a_run_that_lacks_a_figure_is_an_error():
    with pytest.raises(UserError, match=r"not the same figures: curves\.2\.loss\."):
        compare(RUN, {name: value for name, value in RUN.items() if not name.startswith("curves")})


def test_the_spread_is_that_of_metrics_over_the_first_runs():
    other = RUN | {WEIGHTS: "abd", "eval.test.ndcg10": 0.4, "sparsity.document_nnz": 99.0, "curves.2.loss": 2.0}
    third = RUN | {"sparsity.document_nnz": 150.0}
    assert spread({1: [RUN, third], 2: [other, third]}) == [
        {"metric": "eval.test.ndcg10", "smallest": "0.4", "largest": "0.5", "by": "2.0e-01"},
        {"metric": "sparsity.document_nnz", "smallest": "99", "largest": "100", "by": "1.0e-02"},
    ]
    assert spread({1: [RUN, RUN], 2: [RUN, RUN]}) == []
