"""Queries without a model, masking and the pieces that queries use."""

import numpy as np
from scipy.sparse import csr_matrix

from kosplade.retrieval.encoding import inference_free, used_pieces, without

# Piece 0 is not served.
WEIGHT_V = np.array([0.0, 1.5, 2.0, 0.25, 3.0])


def test_each_distinct_piece_counts_its_weight_once():
    queries = inference_free([[4, 1, 4, 0], [2], [], [0, 0]], WEIGHT_V)
    assert queries.dtype == np.float32
    assert queries.toarray().tolist() == [[0, 1.5, 0, 0, 3.0], [0, 0, 2.0, 0, 0], [0] * 5, [0] * 5]
    # What is not served is not stored either.
    assert queries.nnz == 3


def test_without_takes_unserved_pieces_out_of_a_copy():
    vectors = csr_matrix(np.float32([[1, 2, 0, 4], [0, 5, 0, 0]]))
    kept = without(vectors, np.array([False, True, True, False]))
    assert kept.toarray().tolist() == [[1, 0, 0, 4], [0, 0, 0, 0]]
    assert kept.nnz == 2
    assert vectors.toarray().tolist() == [[1, 2, 0, 4], [0, 5, 0, 0]]


def test_used_pieces_are_enough_for_the_scores():
    first, second = csr_matrix([[0, 2.0, 0, 0, 1.0]]), csr_matrix([[0, 1.0, 0, 3.0, 0], [0, 0, 0, 0, 0]])
    pieces = used_pieces(first, second)
    assert pieces.dtype == np.int64
    assert pieces.tolist() == [1, 3, 4]
    documents = np.arange(10.0).reshape(2, 5)
    cut = np.where(np.isin(np.arange(5), pieces), documents, 0)
    assert used_pieces(csr_matrix((2, 5))).tolist() == []
    assert (first @ cut.T).tolist() == (first @ documents.T).tolist()
    assert (second @ cut.T).tolist() == (second @ documents.T).tolist()
