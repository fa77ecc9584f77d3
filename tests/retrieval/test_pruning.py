"""The rule of OpenSearch's max_ratio on small vectors, and the curve over it."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from kosplade.errors import UserError
from kosplade.retrieval.pruning import RATIOS, prune, pruning_curve


def test_weights_below_the_ratio_of_their_own_row_are_dropped():
    # Thresholds 4 * .5 = 2, nothing to keep, 1 * .5 = .5: the weight at the threshold stays.
    vectors_NV = csr_matrix([[4.0, 2.0, 1.75, 0.0], [0.0, 0.0, 0.0, 0.0], [0.25, 0.0, 0.5, 1.0]])
    pruned_NV = prune(vectors_NV, 0.5)
    np.testing.assert_array_equal(pruned_NV.toarray(), [[4, 2, 0, 0], [0, 0, 0, 0], [0, 0, 0.5, 1]])
    assert (pruned_NV.nnz, pruned_NV.dtype) == (4, np.float32)


def test_the_example_of_opensearch():
    # PruneUtilsTests.testPruneByMaxRatio: of 10, 8, 5, 2 at ratio .7 only 10 and 8 are left.
    assert prune(csr_matrix([[10.0, 8.0, 5.0, 2.0]]), 0.7).toarray().tolist() == [[10, 8, 0, 0]]


def test_the_threshold_is_a_float32():
    # float32(.15) * 25 is 3.7500002, above 3.75; float32(.1) * 7 is float32(.7) itself. In float64 both would go the
    # other way.
    assert prune(csr_matrix([[25.0, 3.75]]), 0.15).nnz == 1
    assert prune(csr_matrix(np.float32([[7.0, 0.7]])), 0.1).nnz == 2


def test_the_input_is_not_modified():
    # Piece 1 twice, 1.5 + 1.5, and a stored zero: neither may be tidied up in place.
    vectors_NV = csr_matrix((np.float32([4, 1.5, 1.5, 0, 1]), [0, 1, 1, 2, 3], [0, 5]), shape=(1, 4))
    pruned_NV = prune(vectors_NV, 0.6)
    assert pruned_NV.toarray().tolist() == [[4, 3, 0, 0]]
    assert vectors_NV.data.tolist() == [4, 1.5, 1.5, 0, 1]
    assert vectors_NV.indices.tolist() == [0, 1, 1, 2, 3]


@pytest.mark.parametrize("ratio", [-0.1, 1.0, float("nan")])
def test_a_ratio_that_opensearch_refuses(ratio):
    with pytest.raises(UserError, match="max_ratio is"):
        prune(csr_matrix([[1.0]]), ratio)


def test_the_curve_has_a_row_for_every_ratio():
    documents_NV = csr_matrix([[1.0, 0.37, 0.12, 0.0], [0.0, 0.0, 0.0, 2.0]])
    curve = pruning_curve(documents_NV, lambda pruned_NV: {"total": round(float(pruned_NV.sum()), 2)})
    assert [row["max_ratio"] for row in curve] == list(RATIOS)
    # 4 weights over 4 pieces; from .15 on without 0.12; at .4 without 0.37: 8 bytes a weight and 8 a piece.
    full = {"document_nnz": 2.0, "index_bytes": 64, "total": 3.49}
    without_12 = {"document_nnz": 1.5, "index_bytes": 48, "total": 3.37}
    assert [{k: v for k, v in row.items() if k != "max_ratio"} for row in curve] == [
        *[full] * 3,
        *[without_12] * 4,
        {"document_nnz": 1.0, "index_bytes": 32, "total": 3.0},
    ]
