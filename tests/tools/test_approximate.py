"""Approximate search against exact search."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from kosplade.retrieval.search import search
from kosplade.tools import approximate
from kosplade.tools.approximate import ApproximateIndex, approximate_cost, recall

pytestmark = pytest.mark.skipif(not approximate.is_available(), reason=approximate.INSTALL)
V = 250_002


def vectors(*rows: dict[int, float]) -> csr_matrix:
    """CSR [len(rows), V] float32 from {piece: weight}."""
    indices = [piece for row in rows for piece in row]
    data = np.float32([weight for row in rows for weight in row.values()])
    return csr_matrix((data, indices, np.cumsum([0, *map(len, rows)])), shape=(len(rows), V))


def random_vectors(rows: int, seed: int) -> csr_matrix:
    """About 30 of 400 pieces scattered over the vocabulary; weights that float16 holds exactly, so ties are rare."""
    rng = np.random.default_rng(seed)
    pieces = np.random.default_rng(0).choice(V, 400, replace=False)
    chosen = [rng.choice(pieces, 30, replace=False) for _ in range(rows)]
    weights = rng.lognormal(size=(rows, 30)).astype(np.float16).astype(float)
    return vectors(*(dict(zip(ids, row, strict=True)) for ids, row in zip(chosen, weights, strict=True)))


def test_scores_and_order():
    # Pieces beyond 65,535 and the last one; document 1 is empty; 2 and 4 tie.
    documents_NV = vectors({3: 1.0, 200_000: 2.0}, {}, {3: 0.5}, {V - 1: 1.0}, {3: 0.5})
    index = ApproximateIndex(documents_NV)
    ids, scores = index.search(vectors({3: 1.0, 200_000: 1.5}, {V - 1: 2.0}, {}, {7: 1.0}, {3: 3.0}), 4)
    assert ids.tolist() == [[0, 2, 4, -1], [3, -1, -1, -1], [-1] * 4, [-1] * 4, [0, 2, 4, -1]]
    assert scores.tolist() == [[4, 0.5, 0.5, 0], [2, 0, 0, 0], [0] * 4, [0] * 4, [3, 1.5, 1.5, 0]]
    assert (ids.dtype, scores.dtype) == (np.int64, np.float32)
    assert index.bytes > 0


@pytest.fixture
def generous(monkeypatch):
    """Look up every piece and skip no cluster."""
    monkeypatch.setattr(approximate, "QUERY_CUT", 1000)
    monkeypatch.setattr(approximate, "HEAP_FACTOR", 0.01)
    monkeypatch.setattr(approximate, "SUMMARY_ENERGY", 1.0)


@pytest.mark.usefixtures("generous")
def test_generous_parameters_equal_exact_search():
    queries_QV, documents_NV = random_vectors(50, seed=1), random_vectors(300, seed=2)
    exact_ids, exact_scores = search(queries_QV, documents_NV, 10)
    ids, scores = ApproximateIndex(documents_NV).search(queries_QV, 10)
    np.testing.assert_array_equal(ids, exact_ids)
    np.testing.assert_allclose(scores, exact_scores, rtol=1e-5)
    index = ApproximateIndex(documents_NV)
    figures = approximate_cost(exact_ids, queries_QV, index, repeats=1)
    assert (figures["recall10"], figures["index_bytes"]) == (1.0, index.bytes)


@pytest.mark.usefixtures("generous")
def test_ties_go_to_the_earlier_document():
    # Three distinct scores over 90 documents, all of them retrieved, so no tie is at the cut.
    documents_NV = vectors(*({row % 7: 1.0, 100 + row % 3: 1.0 + row % 3} for row in range(90)))
    queries_QV = vectors({100: 1.0, 101: 1.0, 102: 1.0})
    ids, scores = ApproximateIndex(documents_NV).search(queries_QV, 90)
    exact_ids, exact_scores = search(queries_QV, documents_NV, 90)
    np.testing.assert_array_equal(ids, exact_ids)
    np.testing.assert_array_equal(scores, exact_scores)


def test_the_library_says_nothing(capfd):
    assert ApproximateIndex(random_vectors(30, seed=2)).bytes > 0
    assert capfd.readouterr().out == ""


def test_two_builds_give_the_same_results():
    queries_QV, documents_NV = random_vectors(50, seed=1), random_vectors(300, seed=2)
    first, second = ApproximateIndex(documents_NV), ApproximateIndex(documents_NV)
    for one, other in zip(first.search(queries_QV, 10), second.search(queries_QV, 10), strict=True):
        np.testing.assert_array_equal(one, other)
    assert first.bytes == second.bytes


@pytest.mark.parametrize(
    "documents_NV",
    [vectors(), vectors({}, {}), vectors({3: 0.0}, {})],
    ids=["no document", "empty ones", "stored zero"],
)
def test_an_index_without_weights_finds_nothing(documents_NV):
    index = ApproximateIndex(documents_NV)
    ids, scores = index.search(vectors({3: 1.0}, {}), 2)
    assert ids.tolist() == [[-1, -1], [-1, -1]]
    assert scores.tolist() == [[0, 0], [0, 0]]
    assert index.bytes == 0


def test_a_weight_that_float16_rounds_to_zero_is_not_found():
    ids, _ = ApproximateIndex(vectors({3: 1e-9}, {3: 1.0})).search(vectors({3: 1.0}), 2)
    assert ids.tolist() == [[1, -1]]


def test_pieces_out_of_order_twice_or_zero():
    # Piece 9 twice, 1 + 2, before piece 5, and a stored zero at 7.
    untidy = csr_matrix((np.float32([1, 2, 4, 0]), [9, 9, 5, 7], [0, 4]), shape=(1, V))
    _, scores = ApproximateIndex(untidy).search(untidy, 1)
    assert scores.tolist() == [[3 * 3 + 4 * 4]]
    assert untidy.data.tolist() == [1, 2, 4, 0]


def test_recall():
    exact_ids = np.array([[0, 1, 2], [3, -1, -1], [-1, -1, -1], [4, 5, 6]])
    found_ids = np.array([[2, 0, 7], [3, -1, -1], [-1, -1, -1], [-1, -1, -1]])
    # 2 of 3; 1 of 1; nothing to find; 0 of 3
    assert recall(exact_ids, found_ids, k=3) == pytest.approx((2 / 3 + 1 + 0) / 3)
    # Of the top 2, document 1 is missing in the first query.
    assert recall(exact_ids, found_ids, k=2) == pytest.approx((1 / 2 + 1 + 0) / 3)
    assert recall(exact_ids[2:3], found_ids[2:3]) == 1.0
