"""BM25 against the formula written out."""

from math import log

import numpy as np
import pytest

from kosplade.retrieval.bm25 import bm25_vectors
from kosplade.retrieval.search import search as exact_search

K1, B = 1.2, 0.75
# Piece ids are large and have gaps, as in a 250,002-piece vocabulary. Mean length (3 + 2 + 4 + 1) / 4 = 2.5.
DOCUMENTS = [[900, 900, 5], [900, 70000], [5, 5, 5, 70000], [200001]]
MEAN_LENGTH = 2.5


def weight(tf: int, df: int, length: int) -> float:
    idf = log(1 + (4 - df + 0.5) / (df + 0.5))
    return idf * tf / (tf + K1 * (1 - B + B * length / MEAN_LENGTH))


def search(queries: list[list[int]], documents: list[list[int]] = DOCUMENTS, depth: int = 4):
    ids, scores = exact_search(*bm25_vectors(queries, documents, k1=K1, b=B), depth)
    return ids.tolist(), scores


def test_equals_the_formula():
    ids, scores = search([[900, 5]])
    # 900 is in documents 0 (twice) and 1 (once), 5 in 0 (once) and 2 (three times); both have df 2.
    by_document = {
        0: weight(2, 2, 3) + weight(1, 2, 3),
        1: weight(1, 2, 2),
        2: weight(3, 2, 4),
    }
    assert ids == [[0, 2, 1, -1]]
    np.testing.assert_allclose(scores[0], [by_document[0], by_document[2], by_document[1], 0], rtol=1e-6)


def test_a_known_value():
    # df 1, tf 1, length 1: idf = ln(1 + 3.5 / 1.5) = 1.203973
    # 1 + 1.2 * (.25 + .75 / 2.5) = 1.66, and 1.203973 / 1.66 = .725285
    ids, scores = search([[200001]], depth=1)
    assert ids == [[3]]
    assert scores[0, 0] == pytest.approx(0.725285, abs=1e-6)


def test_a_repeated_query_piece_counts_twice():
    _, once = search([[200001]])
    _, twice = search([[200001, 200001]])
    np.testing.assert_allclose(twice, 2 * once)


def test_unknown_pieces_are_ignored():
    # 42 lies between known ids, 250001 above them all.
    ids, scores = search([[42, 200001, 250001], [42]])
    expected_ids, expected_scores = search([[200001], []])
    assert ids == expected_ids == [[3, -1, -1, -1], [-1, -1, -1, -1]]
    np.testing.assert_array_equal(scores, expected_scores)


def test_empty_texts_come_first():
    ids, _ = search([[], [7]], documents=[[], [7], [8]], depth=2)
    assert ids == [[-1, -1], [1, -1]]


def test_documents_that_are_all_empty():
    assert search([[7]], documents=[[], []], depth=2)[0] == [[-1, -1]]


def test_ties_go_to_the_earlier_document():
    assert search([[7]], documents=[[8], [7], [7], [7]], depth=2)[0] == [[1, 2]]


def test_words_rank_as_their_ids_do():
    words = {900: "결제", 5: "취소", 70000: "환불", 200001: "api"}
    queries = [[900, 5], [200001, 200001], [70000], []]
    ids, scores = search(queries)
    as_words = ([[words[piece] for piece in text] for text in texts] for texts in (queries, DOCUMENTS))
    word_ids, word_scores = search(*as_words)
    assert word_ids == ids
    np.testing.assert_allclose(word_scores, scores, rtol=1e-6)
    assert search([["없다"]], [["결제"]], depth=1)[0] == [[-1]]
