"""Serving figures worked out by hand; the clock is a fake one."""

from types import SimpleNamespace

import numpy as np
from scipy.sparse import csr_matrix

from kosplade.retrieval import cost
from kosplade.retrieval.cost import exact_speed, index_bytes, serving_cost

DOCUMENTS_NV = csr_matrix([[1.0, 2.0, 0.0, 0.0], [0.0, 3.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
QUERIES_QV = csr_matrix([[1.0, 1.0, 0.0, 0.0], [0.0, 2.0, 0.0, 5.0]])


def test_index_bytes():
    # 3 postings of 8 bytes, and pieces 0 and 1 with an offset of 8 each.
    assert index_bytes(DOCUMENTS_NV) == 3 * 8 + 2 * 8
    assert index_bytes(csr_matrix((0, 4))) == 0
    # A stored zero is no posting.
    documents_NV = csr_matrix((np.float32([1, 0]), [2, 3], [0, 2]), shape=(1, 4))
    assert index_bytes(documents_NV) == 8 + 8
    assert serving_cost(QUERIES_QV, documents_NV)["document_nnz"] == 1.0


def test_serving_cost():
    assert serving_cost(QUERIES_QV, DOCUMENTS_NV) == {
        "query_nnz": 2.0,
        "document_nnz": 1.0,
        # Piece 0: 1/2 of the queries, 1/3 of the documents; piece 1: all and 2/3; 3: no document.
        "flops": round(1 / 6 + 2 / 3, 6),
        "index_bytes": 40,
    }


def test_speed_is_that_of_the_median_call(monkeypatch):
    times = iter([0, 1, 10, 14, 20, 22])  # three calls that take 1, 4 and 2 seconds
    monkeypatch.setattr(cost, "time", SimpleNamespace(perf_counter=lambda: next(times)))
    assert exact_speed(QUERIES_QV, DOCUMENTS_NV, 1) == QUERIES_QV.shape[0] / 2
