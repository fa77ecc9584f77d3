"""Which pieces decided a ranking, on products worked out by hand."""

import json

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from kosplade.analysis.explain import DOCUMENT_CHARACTERS, Searched, contributions, winners_and_losers
from kosplade.retrieval.beir import Collection

V = 40  # as many as `word_tokenizer` has: 0 to 4 special, then w5 to w39


def matrix(*vectors: dict[int, float]) -> csr_matrix:
    vectors_NV = np.zeros((len(vectors), V), dtype=np.float32)
    for row, vector in enumerate(vectors):
        vectors_NV[row, list(vector)] = list(vector.values())
    return csr_matrix(vectors_NV)


def test_contributions_are_the_products_largest_first(word_tokenizer):
    query_1V, document_1V = matrix({9: 1.0, 5: 2.0, 6: 1.0, 7: 4.0}), matrix({5: 1.5, 6: 0.5, 9: 0.5, 8: 9.0})
    assert contributions(query_1V, document_1V, word_tokenizer) == [
        {"piece": "w5", "query_weight": 2.0, "document_weight": 1.5, "score": 3.0},
        {"piece": "w6", "query_weight": 1.0, "document_weight": 0.5, "score": 0.5},
        {"piece": "w9", "query_weight": 1.0, "document_weight": 0.5, "score": 0.5},
    ]
    assert [row["piece"] for row in contributions(query_1V, document_1V, word_tokenizer, count=2)] == ["w5", "w6"]


def test_contributions_add_up_to_the_score(word_tokenizer):
    rng = np.random.default_rng(0)
    weights_2V = (rng.random((2, V)) * (rng.random((2, V)) < 0.6)).astype(np.float32)
    query_1V, document_1V = csr_matrix(weights_2V[:1]), csr_matrix(weights_2V[1:])
    rows = contributions(query_1V, document_1V, word_tokenizer, count=V)
    assert sum(row["score"] for row in rows) == pytest.approx((query_1V @ document_1V.T).toarray().item(), abs=1e-4)
    assert len(rows) == np.count_nonzero(weights_2V[0] * weights_2V[1])


LONG = "가" * (DOCUMENT_CHARACTERS + 1)
COLLECTION = Collection(
    document_ids=["d1", "d2", "d3", "d4"],
    documents=["하나", LONG, LONG[1:], "넷"],
    query_ids=["q1", "q2", "q3", "q4", "q5"],
    queries=["첫째", "둘째", "셋째", "넷째", "다섯째"],
    query_kinds=["keyword", None, "question", "keyword", None],
    qrels={
        "q1": {"d1": 1, "d3": 2},
        "q2": {"d4": 2, "d2": 1, "d3": 2, "d1": 0},
        "q3": {"d1": 1},
        "q4": {"d1": 1},
        "q5": {"d1": 1},
    },
)
NDCG10 = {
    "ours": {"q1": 0.5, "q2": 0.0, "q3": 0.3, "q4": 1.0, "q5": 0.1 + 0.2},
    "bm25": {"q1": 0.25, "q2": 1 / 3, "q3": 0.3, "q4": 0.75, "q5": 0.3},
}
NOTHING = {"q3": {}, "q5": {}}
RUNS = {
    "ours": {"q1": {"d2": 3.0, "d1": 2.0, "d3": 1.0}, "q2": {"d1": 2.0}, "q4": {"d1": 2.0, "d2": 1.0}} | NOTHING,
    "bm25": {"q1": {"d3": 9.0}, "q2": {"d1": 9.0, "d2": 8.0, "d3": 7.0}, "q4": {"d2": 9.0, "d1": 8.0}} | NOTHING,
}


@pytest.fixture
def searched(word_tokenizer) -> Searched:
    queries_QV = matrix({5: 1.0, 6: 1.0}, {5: 2.0, 7: 1.0}, {}, {5: 1.0}, {})
    documents_NV = matrix({5: 1.0, 8: 1.0}, {6: 3.0}, {7: 1.0}, {})
    return Searched(COLLECTION, queries_QV, documents_NV, word_tokenizer)


def listed(searched: Searched, **options) -> dict[str, list[dict]]:
    result = winners_and_losers(searched, RUNS, NDCG10, system="ours", baseline="bm25", **options)
    json.dumps(result, allow_nan=False)
    return result


def test_largest_differences_first_ties_by_id_and_zeros_never(searched):
    # q1 and q4 both gain 1/4; q3 differs by 0, q5 by the last digit of a sum.
    result = listed(searched)
    assert [row["query_id"] for row in result["winners"]] == ["q1", "q4"]
    assert [row["query_id"] for row in result["losers"]] == ["q2"]
    assert [row["query_id"] for row in listed(searched, count=1)["winners"]] == ["q1"]
    swapped = winners_and_losers(searched, RUNS, NDCG10, system="bm25", baseline="ours")
    assert [row["query_id"] for row in swapped["losers"]] == ["q1", "q4"]


def test_a_winner(searched):
    assert listed(searched)["winners"][0] == {
        "query_id": "q1",
        "query": "첫째",
        "kind": "keyword",
        "ndcg10": 0.5,
        "baseline_ndcg10": 0.25,
        # The best rank of the system counts, not the judgement: d3 is judged higher but ranked below d1.
        "relevant": {
            "document_id": "d1",
            "text": "하나",
            "rank": 2,
            "baseline_rank": None,
            "pieces": [{"piece": "w5", "query_weight": 1.0, "document_weight": 1.0, "score": 1.0}],
        },
        "first": {
            "document_id": "d2",
            "text": "가" * (DOCUMENT_CHARACTERS - 1) + "…",
            "pieces": [{"piece": "w6", "query_weight": 1.0, "document_weight": 3.0, "score": 3.0}],
        },
    }


def test_a_relevant_document_in_the_first_place(searched):
    row = listed(searched)["winners"][1]
    assert (row["relevant"]["rank"], row["relevant"]["baseline_rank"], row["first"]) == (1, 2, None)


def test_no_relevant_document_is_retrieved(searched):
    row = listed(searched)["losers"][0]
    assert (row["kind"], row["ndcg10"], row["baseline_ndcg10"]) == ("unknown", 0.0, 0.333333)
    relevant = row["relevant"]
    # d2 is judged 1; of d3 and d4, both judged 2, the smaller id. The baseline has it third.
    assert (relevant["document_id"], relevant["rank"], relevant["baseline_rank"]) == ("d3", None, 3)
    assert row["first"]["document_id"] == "d1", "judged 0 is not relevant"


@pytest.mark.parametrize("nothing", [{"q2": {}}, {}], ids=["empty", "absent, as from a TREC run"])
def test_a_query_that_retrieves_nothing(searched, nothing):
    runs = {"ours": nothing, "bm25": nothing}
    relevant, first = (
        winners_and_losers(searched, runs, NDCG10, system="ours", baseline="bm25")["losers"][0][name]
        for name in ("relevant", "first")
    )
    assert (relevant["rank"], relevant["baseline_rank"], first) == (None, None, None)


def test_only_longer_texts_are_cut(searched):
    # d3 is 300 characters long.
    runs = RUNS | {"ours": RUNS["ours"] | {"q2": {"d3": 1.0}}}
    row = winners_and_losers(searched, runs, NDCG10, system="ours", baseline="bm25")["losers"][0]
    assert (row["relevant"]["document_id"], row["relevant"]["rank"]) == ("d3", 1)
    assert row["relevant"]["text"] == "가" * DOCUMENT_CHARACTERS
