"""The lexical teacher: blocks of counts, scores of rows, files."""

import numpy as np

from kosplade.records.bm25 import bm25_weights, count_terms
from kosplade.teacher.lexical import Lexical, presence, stack

DOCUMENTS = [["결제", "결제", "취소"], ["결제", "환불"], ["취소", "취소", "취소", "환불"], ["api"]]
QUERIES = [["결제", "취소"], ["api"], ["환불", "없다"], ["없다"], []]


def build(documents, queries) -> Lexical:
    numbers: dict[str, int] = {}
    documents_NT = bm25_weights(count_terms(documents, numbers, grow=True))
    return Lexical(presence(count_terms(queries, numbers, grow=False)), documents_NT)


def test_blocks_that_know_more_and_more_terms():
    numbers: dict[str, int] = {}
    blocks = [count_terms(texts, numbers, grow=True) for texts in ([[]], DOCUMENTS[:1], [[]], DOCUMENTS[1:])]
    assert [block.shape[1] for block in blocks] == [0, 2, 2, 4]
    together = stack(blocks)
    assert together.dtype == np.float32
    assert together.toarray().tolist() == [
        *([0, 0, 0, 0], [2, 1, 0, 0], [0, 0, 0, 0]),
        *([1, 0, 1, 0], [0, 3, 1, 0], [0, 0, 0, 1]),
    ]


def test_a_repeated_query_term_counts_once_and_no_term_scores_0():
    counts = count_terms([["결제", "취소", "결제"], []], {"결제": 0, "취소": 1}, grow=False)
    assert build([[], []], [["결제"]]).scores(np.array([0]), np.array([0, 1])).tolist() == [[0, 0]]
    assert presence(counts).toarray().tolist() == [[1, 1], [0, 0]]
    assert counts.toarray().tolist() == [[2, 1], [0, 0]]


def test_scores_of_rows_in_the_order_asked():
    scores = build(DOCUMENTS, QUERIES).scores(np.array([0, 4, 0]), np.array([2, 0, 0, 3]))
    assert scores.dtype == np.float32
    weights = bm25_weights(count_terms(DOCUMENTS, {}, grow=True)).toarray()  # by hand in tests/records/test_bm25.py
    first, third = weights[0, 0] + weights[0, 1], weights[2, 1]  # both terms of query 0, and the second alone
    expected = [[third, first, first, 0], [0, 0, 0, 0], [third, first, first, 0]]
    np.testing.assert_allclose(scores, expected, rtol=1e-6)
