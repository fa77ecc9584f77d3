"""BM25 over piece ids, the baseline that a sparse encoder has to beat."""

import bm25s
import numpy as np
from scipy.sparse import csc_matrix, csr_matrix

from kosplade.retrieval.search import search


def bm25_search(
    queries: list[list[int]], documents: list[list[int]], *, k1: float, b: float, depth: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the `depth` best documents for each query, in the convention of `search`.

    BM25 as Lucene computes it, without the constant factor k1 + 1: the score is the sum over query pieces of
    `ln(1 + (N - df + .5) / (df + .5)) * tf / (tf + k1 * (1 - b + b * length / mean length))`. A piece counts
    as often as the query repeats it, one that no document has not at all; an empty query retrieves nothing.
    """
    # Piece ids must become 0, 1, 2, ...: bm25s uses them as array positions.
    columns = {piece: column for column, piece in enumerate(sorted(set().union(*documents)))}
    if not columns:  # bm25s would divide by a mean length of 0
        return search(csr_matrix((len(queries), 1)), csr_matrix((len(documents), 1)), depth)
    index = bm25s.BM25(k1=k1, b=b, method="lucene")
    index.index(
        ([[columns[piece] for piece in document] for document in documents], columns),
        create_empty_token=False,
        show_progress=False,
    )
    # bm25s weighs every piece of a document when it indexes, so a search is a sparse dot product. Its own
    # `retrieve` breaks ties in no set order and refuses queries without a known piece.
    weights = index.scores
    shape = (len(documents), len(columns))
    documents_NV = csc_matrix((weights["data"], weights["indices"], weights["indptr"]), shape=shape).tocsr()
    return search(_counts(queries, columns), documents_NV, depth)


def _counts(texts: list[list[int]], columns: dict[int, int]) -> csr_matrix:
    """How often each known piece occurs: [len(texts), len(columns)] float32."""
    known = [[columns[piece] for piece in text if piece in columns] for text in texts]
    rows = np.repeat(np.arange(len(known)), [len(text) for text in known])
    indices = np.array([column for text in known for column in text], dtype=np.int64)
    ones = np.ones(len(indices), dtype=np.float32)
    return csr_matrix((ones, (rows, indices)), shape=(len(texts), len(columns)))
