"""Queries and documents as sparse vectors, the way an index serves them."""

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_matrix


def inference_free(pieces: Sequence[Sequence[int]], weight_V: np.ndarray) -> csr_matrix:
    """Queries without a model: each distinct piece counts its entry of `weight_V` (0: not served); CSR [Q, V]."""
    distinct = [np.unique(np.asarray(ids, dtype=np.int64)) for ids in pieces]
    distinct = [ids[weight_V[ids] > 0] for ids in distinct]
    indptr = np.concatenate([[0], np.cumsum([len(ids) for ids in distinct])])
    indices = np.concatenate([*distinct, np.empty(0, dtype=np.int64)])
    return csr_matrix((weight_V[indices].astype(np.float32), indices, indptr), shape=(len(pieces), len(weight_V)))


def without(vectors_NV: csr_matrix, unserved_V: np.ndarray) -> csr_matrix:
    """A copy of the vectors, CSR [N, V], with the pieces of `unserved_V` (bool) taken out."""
    kept = vectors_NV.copy()
    kept.data[unserved_V[kept.indices]] = 0
    kept.eliminate_zeros()
    return kept


def used_pieces(*vectors: csr_matrix) -> np.ndarray:
    """Sorted int64 ids of the pieces that any of the vectors uses.

    A dot product needs no other piece of the other side: documents encoded on these alone give exactly the scores of
    the whole vocabulary.
    """
    return np.unique(np.concatenate([matrix.indices for matrix in vectors])).astype(np.int64)
