"""Exact search: the dot product of every query with every document."""

import numpy as np
from scipy.sparse import csr_matrix

# Scores held at once; with their sort keys about 30 bytes each, so about 120 MB whatever the collection.
_SCORES_PER_BLOCK = 1 << 22


def search(queries_QV: csr_matrix, documents_NV: csr_matrix, depth: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the `depth` documents with the largest dot product for each query, best first.

    The result is (ids [Q, depth] int64, scores [Q, depth] float32). Ties are broken by document order. Only
    documents with a score above 0 are retrieved; places left over hold id -1 and score 0. Weights must be
    finite, and there must be a document.
    """
    num_queries, num_documents = queries_QV.shape[0], documents_NV.shape[0]
    ids_QK = np.full((num_queries, depth), -1, dtype=np.int64)
    scores_QK = np.zeros((num_queries, depth), dtype=np.float32)
    documents_VN = documents_NV.astype(np.float32).T.tocsr()
    queries_QV = queries_QV.astype(np.float32)
    found = min(depth, num_documents)
    block = max(1, _SCORES_PER_BLOCK // num_documents)
    for start in range(0, num_queries, block):
        rows = slice(start, start + block)
        scores_BN = (queries_QV[rows] @ documents_VN).toarray()
        ids_QK[rows, :found], scores_QK[rows, :found] = _top(scores_BN, found)
    return ids_QK, scores_QK


def _top(scores_BN: np.ndarray, found: int) -> tuple[np.ndarray, np.ndarray]:
    """The `found` best columns of each row: (ids [B, found], scores [B, found])."""
    # One integer a score, ordered by score, then earlier document: read as integers, the bits of positive
    # floats keep their order. The keys of a row all differ, so a partition, far cheaper than a stable sort,
    # is exact even where ties straddle the cut.
    num_documents = scores_BN.shape[1]
    keys_BN = scores_BN.view(np.int32).astype(np.int64) << 32
    keys_BN += num_documents - 1 - np.arange(num_documents)
    keys_BN.partition(num_documents - found, axis=1)
    keys_BK = np.sort(keys_BN[:, num_documents - found :], axis=1)[:, ::-1]

    scores_BK = (keys_BK >> 32).astype(np.int32).view(np.float32)
    retrieved_BK = scores_BK > 0
    ids_BK = num_documents - 1 - (keys_BK & 0xFFFFFFFF)
    return np.where(retrieved_BK, ids_BK, -1), np.where(retrieved_BK, scores_BK, np.float32(0))


def dense_search(queries_QD: np.ndarray, documents_ND: np.ndarray, depth: int) -> tuple[np.ndarray, np.ndarray]:
    """The largest dot products, (ids [Q, depth] int64, scores [Q, depth] float32), best first, ties by document order.

    Unlike an inverted index a dense one scores every document, so a negative score is a result too; places beyond the
    last document hold id -1 and score 0. Memory holds one query block of scores, not [Q, N].
    """
    found = min(depth, len(documents_ND))
    ids_QK = np.full((len(queries_QD), depth), -1, dtype=np.int64)
    scores_QK = np.zeros((len(queries_QD), depth), dtype=np.float32)
    for row, query_D in enumerate(queries_QD):
        scores_N = documents_ND @ query_D
        best = np.argsort(-scores_N, kind="stable")[:found]
        ids_QK[row, :found], scores_QK[row, :found] = best, scores_N[best]
    return ids_QK, scores_QK


def without_own(ids_QK: np.ndarray, scores_QK: np.ndarray, own_Q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A search result one document shorter (ids [Q, K-1], scores [Q, K-1]): without each query's own document, or last.

    `own_Q` int64 holds the number of the document that is the query itself, -1 where there is none.
    """
    is_out_QK = (ids_QK == own_Q[:, None]) & (own_Q[:, None] >= 0)
    is_out_QK[~is_out_QK.any(axis=1), -1] = True
    shape = (len(ids_QK), ids_QK.shape[1] - 1)
    return ids_QK[~is_out_QK].reshape(shape), scores_QK[~is_out_QK].reshape(shape)


def to_run(
    query_ids: list[str], document_ids: list[str], ids: np.ndarray, scores: np.ndarray
) -> dict[str, dict[str, float]]:
    """Name the rows of a search result: {query id: {document id: score}}, best first, without ids of -1."""
    return {
        query_id: {
            document_ids[i]: score for i, score in zip(row_ids.tolist(), row_scores.tolist(), strict=True) if i >= 0
        }
        for query_id, row_ids, row_scores in zip(query_ids, ids, scores, strict=True)
    }
