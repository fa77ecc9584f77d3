"""Means by kind of query."""

from kosplade.retrieval.bootstrap import interval
from kosplade.retrieval.kinds import ndcg_by_kind

VALUES = {
    "ours": {"q1": 1.0, "q2": 0.0, "q3": 0.5, "q4": 1 / 3},
    "bm25": {"q1": 0.0, "q2": 0.25, "q3": 0.25, "q4": 1.0},
}
IDS = ["q1", "q2", "q3", "q4"]


def test_means_over_all_and_by_kind():
    rows = ndcg_by_kind(VALUES, IDS, ["keyword", "question", "keyword", None], seed=0)
    assert list(rows) == ["all", "keyword", "question", "unknown"]
    assert [row["queries"] for row in rows.values()] == [4, 2, 1, 1]
    # (1 + 0 + 1/2 + 1/3) / 4, (1 + 1/2) / 2, 0, 1/3
    assert [row["ours"]["ndcg10"] for row in rows.values()] == [0.458333, 0.75, 0.0, 0.333333]
    assert [row["bm25"]["ndcg10"] for row in rows.values()] == [0.375, 0.125, 0.25, 1.0]


def test_intervals_are_those_of_the_queries_of_the_kind():
    rows = ndcg_by_kind(VALUES, IDS, ["a", "b", "a", "b"], seed=3)
    low, high = interval([1.0, 0.5], seed=3)
    assert rows["a"]["ours"] == {"ndcg10": 0.75, "low": low, "high": high}
