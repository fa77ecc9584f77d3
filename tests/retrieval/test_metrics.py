"""Retrieval metrics on a hand-made ranking."""

from math import log2

import pytest

from kosplade.retrieval.metrics import MEASURES, per_query, retrieval_metrics

QRELS = {
    "one": {"a": 1, "x": 0},
    "graded": {"a": 1, "b": 2, "c": 1},
    "nothing": {"a": 1},
    "absent": {"a": 1},
}
RUN = {
    "one": {"x": 3.0, "a": 2.0, "b": 1.0},  # relevant at rank 2
    "graded": {"b": 9.0, "x": 8.0, "a": 7.0},  # grades 2, 0, 1; c is missed
    "nothing": {},
    "unjudged": {"a": 1.0},
}


def test_hand_computed_values():
    # one:    nDCG = (1 / log2 3) / 1, RR = 1/2, R@1 = 0, R@10 = 1
    # graded: DCG = 2 / log2 2 + 1 / log2 4 = 2.5, ideal 2 + 1 / log2 3 + 1 / log2 4
    #         RR = 1, R@1 = 1/3, R@10 = 2/3
    # nothing and absent: 0. Every mean is over 4 queries.
    ideal = 2 + 1 / log2(3) + 1 / 2
    expected = {
        "ndcg10": (1 / log2(3) + 2.5 / ideal) / 4,
        "mrr10": (1 / 2 + 1) / 4,
        "recall1": (0 + 1 / 3) / 4,
        "recall10": (1 + 2 / 3) / 4,
        "recall100": (1 + 2 / 3) / 4,
    }
    metrics = retrieval_metrics(QRELS, RUN)
    assert list(metrics) == list(MEASURES)
    assert metrics == {name: round(value, 6) for name, value in expected.items()}


def test_cutoffs():
    run = {"q": {f"d{rank:03}": 1000.0 - rank for rank in range(1, 101)}}
    # Rank 11 is beyond the cut of 10, rank 100 within that of 100.
    metrics = retrieval_metrics({"q": {"d011": 1, "d100": 1}}, run)
    assert metrics == {"ndcg10": 0.0, "mrr10": 0.0, "recall1": 0.0, "recall10": 0.0, "recall100": 1.0}


@pytest.mark.parametrize("order", ["ab", "ba"])
def test_ties_keep_the_order_of_retrieval_in_every_measure(order):
    run = {"q": dict.fromkeys(order, 1.0)}
    found_first = float(order[0] == "a")
    metrics = retrieval_metrics({"q": {"a": 1}}, run)
    assert metrics["recall1"] == found_first
    assert metrics["mrr10"] == (1.0 if found_first else 0.5)
    assert metrics["ndcg10"] == (1.0 if found_first else round(1 / log2(3), 6))


def test_negative_and_zero_scores_are_not_relevant():
    metrics = retrieval_metrics({"q": {"a": -1, "b": 0, "c": 1}}, {"q": {"a": 3.0, "b": 2.0, "c": 1.0}})
    assert metrics == {"ndcg10": 0.5, "mrr10": 0.333333, "recall1": 0.0, "recall10": 1.0, "recall100": 1.0}


@pytest.mark.parametrize("measure", ["mrr10", "recall1"])
def test_per_query_lists_every_query_in_order(measure):
    expected = {"mrr10": [0.5, 1, 0, 0], "recall1": [0, 1 / 3, 0, 0]}[measure]
    values = per_query(QRELS, RUN, measure)
    assert list(values) == list(QRELS)
    assert list(values.values()) == pytest.approx(expected)


def test_ids_may_hold_anything():
    qrels = {"q\0a": {"d\0a": 1}, "q\0b": {"%20 x": 1}}
    run = {"q\0a": {"d\0b": 3.0, "d\0a": 2.0}, "q\0b": {"%20 x": 1.0, "  x": 0.5}}
    assert per_query(qrels, run, "mrr10") == {"q\0a": 0.5, "q\0b": 1.0}
    assert per_query(qrels, run, "recall1") == {"q\0a": 0.0, "q\0b": 1.0}
