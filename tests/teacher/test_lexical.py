"""The lexical teacher: blocks of counts, scores of rows, files."""

from math import log

import numpy as np

from kosplade.records.bm25 import bm25_weights, count_terms
from kosplade.teacher.lexical import Lexical, presence, stack

DOCUMENTS = [["결제", "결제", "취소"], ["결제", "환불"], ["취소", "취소", "취소", "환불"], ["api"]]
QUERIES = [["결제", "취소"], ["api"], ["환불", "없다"], ["없다"], []]


def weight(tf: int, df: int, length: int, texts: int = 4, mean: float = 2.5) -> float:
    """Robertson's BM25 as Lucene has it; k1 1.2, b .75."""
    return log(1 + (texts - df + 0.5) / (df + 0.5)) * tf / (tf + 1.2 * (0.25 + 0.75 * length / mean))


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
    both = weight(2, 2, 3) + weight(1, 2, 3)
    expected = [[weight(3, 2, 4), both, both, 0], [0, 0, 0, 0], [weight(3, 2, 4), both, both, 0]]
    np.testing.assert_allclose(scores, expected, rtol=1e-6)
