"""What serving costs: the size of the vectors and of their index, and the speed of exact search."""

import statistics
import time

import numpy as np
from scipy.sparse import csr_matrix

from kosplade.retrieval.search import search

_POSTING_BYTES = 4 + 4  # int32 document number, float32 weight
_OFFSET_BYTES = 8  # int64 start of a piece's postings


def index_bytes(documents_NV: csr_matrix) -> int:
    """Bytes of the plain inverted index that exact search needs.

    8 for each non-zero weight (int32 document number, float32 weight) and 8 for each piece that a document uses (int64
    offset of its postings). Nothing is compressed, and names of documents or pieces do not count: a figure to compare
    models and prunings by, not the disk that OpenSearch takes.
    """
    pieces = documents_NV.indices[documents_NV.data != 0]
    return len(pieces) * _POSTING_BYTES + len(np.unique(pieces)) * _OFFSET_BYTES


def serving_cost(queries_QV: csr_matrix, documents_NV: csr_matrix) -> dict[str, float | int]:
    """What these vectors cost to serve; floats rounded to 6 digits. There must be a query and a document.

    - query_nnz, document_nnz: mean number of non-zero weights;
    - flops: expected multiplications to score one query against one document (`retrieval_flops`);
    - index_bytes: see `index_bytes`.
    """
    return {
        "query_nnz": round(_mean_nnz(queries_QV), 6),
        "document_nnz": round(_mean_nnz(documents_NV), 6),
        "flops": round(retrieval_flops(queries_QV, documents_NV), 6),
        "index_bytes": index_bytes(documents_NV),
    }


def retrieval_flops(queries_QV: csr_matrix, documents_NV: csr_matrix) -> float:
    """Expected multiplications to score one query against one document: `sum_v p_q(v) p_d(v)`.

    p(v) is the share of queries or documents with a non-zero weight at piece v (Paria et al. 2020).
    """
    return float(_frequency(queries_QV) @ _frequency(documents_NV))


def exact_speed(queries_QV: csr_matrix, documents_NV: csr_matrix, depth: int, repeats: int = 3) -> float:
    """Queries a second of exact search for the `depth` best documents: all queries in one call, median of `repeats`.

    Timed is all of `search` on one thread: transposing the documents (once a call, so the fewer the queries, the more
    it weighs), the dot products and the ranking; not encoding the queries.
    """
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        search(queries_QV, documents_NV, depth)
        seconds.append(time.perf_counter() - start)
    return queries_QV.shape[0] / statistics.median(seconds)


def _mean_nnz(vectors_NV: csr_matrix) -> float:
    return int(vectors_NV.count_nonzero()) / vectors_NV.shape[0]


def _frequency(vectors_NV: csr_matrix) -> np.ndarray:
    num_texts, num_pieces = vectors_NV.shape
    return np.bincount(vectors_NV.indices[vectors_NV.data != 0], minlength=num_pieces) / num_texts
