"""Exact search against dense NumPy, ties and empty queries included."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from kosplade.retrieval import search as search_module
from kosplade.retrieval.search import dense_search, search, to_run, without_own


def by_numpy(queries_QV, documents_NV, depth):
    """Every score, then a stable sort: what `search` has to equal."""
    scores_QN = queries_QV @ documents_NV.T
    ids_QK = np.argsort(-scores_QN, axis=1, kind="stable")[:, :depth]
    scores_QK = np.take_along_axis(scores_QN, ids_QK, axis=1)
    return np.where(scores_QK > 0, ids_QK, -1), scores_QK


def random_weights(rows: int, columns: int, seed: int) -> np.ndarray:
    """Sparse small integers: sums are exact in float32 and ties are plenty."""
    rng = np.random.default_rng(seed)
    return rng.integers(1, 4, (rows, columns)) * (rng.random((rows, columns)) < 0.2)


@pytest.mark.parametrize("depth", [1, 7, 40])
@pytest.mark.parametrize("block", [1, 120, 1 << 22])
def test_equals_dense_search_with_ties(monkeypatch, depth, block):
    monkeypatch.setattr(search_module, "_SCORES_PER_BLOCK", block)
    queries_QV, documents_NV = random_weights(23, 15, seed=1), random_weights(40, 15, seed=2)
    queries_QV[3] = 0
    ids, scores = search(csr_matrix(queries_QV), csr_matrix(documents_NV), depth)
    expected_ids, expected_scores = by_numpy(queries_QV, documents_NV, depth)
    np.testing.assert_array_equal(ids, expected_ids)
    np.testing.assert_array_equal(scores, expected_scores)
    assert (ids.dtype, scores.dtype) == (np.int64, np.float32)
    assert (ids[3] == -1).all()


def test_places_beyond_the_collection_are_empty():
    # Document 1 scores 0: it is not retrieved although there is room.
    ids, scores = search(csr_matrix([[1.0, 0.0]]), csr_matrix([[2.0, 0.0], [0.0, 3.0]]), 4)
    assert ids.tolist() == [[0, -1, -1, -1]]
    assert scores.tolist() == [[2.0, 0.0, 0.0, 0.0]]


def test_to_run_names_the_retrieved_documents():
    run = to_run(["q1", "q2"], ["a", "b"], np.array([[1, 0], [-1, -1]]), np.float32([[2, 0.5], [0, 0]]))
    assert run == {"q1": {"b": 2.0, "a": 0.5}, "q2": {}}
    assert list(run["q1"]) == ["b", "a"]


def test_without_own_documents_every_result_is_one_shorter():
    ids_QK = np.array([[4, 7, 2], [7, 4, -1], [1, -1, -1], [3, 5, 6]])
    scores_QK = np.float32([[3, 2, 1], [3, 2, 0], [3, 0, 0], [3, 2, 1]])
    ids, scores = without_own(ids_QK, scores_QK, np.array([7, 7, -1, 9]))
    assert ids.tolist() == [[4, 2], [4, -1], [1, -1], [3, 5]]
    assert scores.tolist() == [[3, 1], [2, 0], [3, 0], [3, 2]]


DOCUMENTS = np.float32([[1, 0], [0, 1], [-1, 0], [0.6, 0.8]])


def test_dense_search_by_hand_negative_scores_included():
    ids, scores = dense_search(np.float32([[1, 0], [0, 1]]), DOCUMENTS, 4)
    assert ids.tolist() == [[0, 3, 1, 2], [1, 3, 0, 2]]  # equal scores in document order
    np.testing.assert_allclose(scores, [[1, 0.6, 0, -1], [1, 0.8, 0, 0]])
    assert (ids.dtype, scores.dtype) == (np.int64, np.float32)


def test_dense_search_places_beyond_the_last_document_are_empty():
    ids, scores = dense_search(np.float32([[1, 0]]), DOCUMENTS[:2], 3)
    assert ids.tolist() == [[0, 1, -1]]
    assert scores.tolist() == [[1, 0, 0]]
    assert dense_search(np.float32([[1, 0]]), DOCUMENTS, 2)[0].tolist() == [[0, 3]]
