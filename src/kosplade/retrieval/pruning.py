"""Smaller documents: what an index may leave out, and what that costs."""

from collections.abc import Callable

import numpy as np
from scipy.sparse import csr_matrix

from kosplade.errors import UserError
from kosplade.retrieval.cost import index_bytes

# 0.1 is what OpenSearch publishes its own sparse encoders with; past 0.4 little but the heaviest pieces is left.
RATIOS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4)


def prune(vectors_NV: csr_matrix, max_ratio: float) -> csr_matrix:
    """Drop the weights below `max_ratio` times the largest weight of their row; a new float32 CSR [N, V].

    The rule of OpenSearch's prune type `max_ratio` (sparse_encoding processor, parameter `prune_ratio`): a weight is
    kept if `weight >= ratio * largest`, so one exactly at the threshold stays, and all of it in float32
    (opensearch-project/neural-search, util/prune/PruneUtils.java, `pruneByMaxRatio`). 0 keeps every weight.

    Weights must be non-negative. Raises UserError for a ratio outside [0, 1), the range that OpenSearch accepts.
    """
    if not 0 <= max_ratio < 1:
        raise UserError(f"max_ratio is {max_ratio}, which OpenSearch refuses. Choose a number from 0 to below 1.")
    kept_NV = vectors_NV.astype(np.float32)
    kept_NV.sum_duplicates()
    largest_N = kept_NV.max(axis=1).toarray().ravel()
    threshold_N = np.float32(max_ratio) * largest_N
    kept_NV.data[kept_NV.data < np.repeat(threshold_N, np.diff(kept_NV.indptr))] = 0
    kept_NV.eliminate_zeros()
    return kept_NV


def pruning_curve(
    documents_NV: csr_matrix, evaluate: Callable[[csr_matrix], dict[str, float]]
) -> list[dict[str, float | int]]:
    """What pruning saves and costs: a row for each of RATIOS, in that order.

    A row is {"max_ratio", "document_nnz" (mean number of weights, rounded to 6 digits), "index_bytes" (see
    `kosplade.retrieval.cost.index_bytes`)} and what `evaluate` returns for the pruned documents. There must be a
    document.
    """
    rows = []
    for ratio in RATIOS:
        pruned_NV = prune(documents_NV, ratio)
        size = {
            "max_ratio": ratio,
            "document_nnz": round(pruned_NV.nnz / pruned_NV.shape[0], 6),
            "index_bytes": index_bytes(pruned_NV),
        }
        rows.append(size | evaluate(pruned_NV))
    return rows
