"""BM25 against the formula written out, and against bm25s."""

from math import log

import numpy as np
import pytest

from kosplade.records.bm25 import K1, B, bm25_vectors, bm25_weights, count_terms
from kosplade.retrieval.search import search as exact_search

# Piece ids are large and have gaps, as in a 250,002-piece vocabulary. Mean length (3 + 2 + 4 + 1) / 4 = 2.5.
PIECES = [[900, 900, 5], [900, 70000], [5, 5, 5, 70000], [200001]]
DOCUMENTS = [["결제", "결제", "취소"], ["결제", "환불"], ["취소", "취소", "취소", "환불"], ["api"]]


def weight(tf: int, df: int, length: int, texts: int = 4, mean: float = 2.5) -> float:
    """Robertson's BM25 as Lucene has it; k1 1.2, b .75."""
    return log(1 + (texts - df + 0.5) / (df + 0.5)) * tf / (tf + 1.2 * (0.25 + 0.75 * length / mean))


def search(queries, documents=PIECES, depth=4):
    ids, scores = exact_search(*bm25_vectors(queries, documents, k1=K1, b=B), depth)
    return ids.tolist(), scores


def test_counts_and_numbers_in_order_of_appearance():
    numbers: dict[str, int] = {}
    counts = count_terms(DOCUMENTS, numbers, grow=True)
    assert numbers == {"결제": 0, "취소": 1, "환불": 2, "api": 3}
    assert counts.dtype == np.float32
    assert counts.toarray().tolist() == [[2, 1, 0, 0], [1, 0, 1, 0], [0, 3, 1, 0], [0, 0, 0, 1]]
    assert counts.nnz == 7  # a repeated term is one entry


def test_unknown_terms_are_dropped_where_the_numbers_are_complete():
    numbers = {"결제": 0, "취소": 1}
    counts = count_terms([["없다", "취소", "없다"], [], ["없다"]], numbers, grow=False)
    assert counts.toarray().tolist() == [[0, 1], [0, 0], [0, 0]]
    assert numbers == {"결제": 0, "취소": 1}
    assert count_terms([[], []], {}, grow=True).shape == (2, 0)


def test_weights_by_hand():
    weights = bm25_weights(count_terms(DOCUMENTS, {}, grow=True))
    assert weights.dtype == np.float32
    # 결제, 취소 and 환불 are each in two documents, api in one.
    expected = [
        [weight(2, 2, 3), weight(1, 2, 3), 0, 0],
        [weight(1, 2, 2), 0, weight(1, 2, 2), 0],
        [0, weight(3, 2, 4), weight(1, 2, 4), 0],
        [0, 0, 0, weight(1, 1, 1)],
    ]
    np.testing.assert_allclose(weights.toarray(), expected, rtol=1e-6)
    # ln(1 + 3.5 / 1.5) = 1.203973; 1 + 1.2 * (.25 + .75 / 2.5) = 1.66
    assert weights[3, 3] == pytest.approx(0.725285, abs=1e-6)


def test_an_empty_document_counts_for_the_mean_length_only():
    weights = bm25_weights(count_terms([["결제"], []], {}, grow=True))
    assert weights.toarray()[:, 0] == pytest.approx([weight(1, 1, 1, texts=2, mean=0.5), 0])


def test_a_search_equals_the_formula():
    # A repeated piece of a query counts twice. 42 and 250001 are in no document.
    ids, scores = search([[900, 5], [900, 5, 250001, 900, 42, 5]])
    # 900 is in documents 0 (twice) and 1 (once), 5 in 0 (once) and 2 (three times); both have df 2.
    by_document = {
        0: weight(2, 2, 3) + weight(1, 2, 3),
        1: weight(1, 2, 2),
        2: weight(3, 2, 4),
    }
    assert ids == [[0, 2, 1, -1]] * 2
    np.testing.assert_allclose(scores[1], 2 * scores[0])
    np.testing.assert_allclose(scores[0], [by_document[0], by_document[2], by_document[1], 0], rtol=1e-6)


def test_nothing_is_found_in_and_by_empty_texts():
    assert search([[], [7], [42]], documents=[[], [7], [8]], depth=2)[0] == [[-1, -1], [1, -1], [-1, -1]]
    assert search([[7]], documents=[[], []], depth=2)[0] == [[-1, -1]]
