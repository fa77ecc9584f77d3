"""BM25 over piece ids or words, the baseline that a sparse encoder has to beat, as sparse vectors."""

from typing import TypeVar

import bm25s
import numpy as np
from scipy.sparse import csc_matrix, csr_matrix

Token = TypeVar("Token", int, str)


def bm25_vectors(
    queries: list[list[Token]], documents: list[list[Token]], *, k1: float, b: float
) -> tuple[csr_matrix, csr_matrix]:
    """(queries [Q, T], documents [N, T]), float32, whose dot products are BM25; T distinct tokens, at least 1.

    BM25 as Lucene computes it, without the constant factor k1 + 1: the score is the sum over query tokens of
    `ln(1 + (N - df + .5) / (df + .5)) * tf / (tf + k1 * (1 - b + b * length / mean length))`. A token counts
    as often as the query repeats it, one that no document has not at all.
    """
    # Tokens must become 0, 1, 2, ...: bm25s uses them as array positions.
    columns = {token: column for column, token in enumerate(sorted(set().union(*documents)))}
    if not columns:  # bm25s would divide by a mean length of 0
        return csr_matrix((len(queries), 1), dtype=np.float32), csr_matrix((len(documents), 1), dtype=np.float32)
    index = bm25s.BM25(k1=k1, b=b, method="lucene")
    index.index(
        ([[columns[token] for token in document] for document in documents], columns),
        create_empty_token=False,
        show_progress=False,
    )
    # bm25s weighs every token of a document when it indexes, so a search is a sparse dot product. Its own
    # `retrieve` breaks ties in no set order and refuses queries without a known token.
    weights = index.scores
    shape = (len(documents), len(columns))
    documents_NT = csc_matrix((weights["data"], weights["indices"], weights["indptr"]), shape=shape).tocsr()
    return _counts(queries, columns), documents_NT


def _counts(texts: list[list[Token]], columns: dict[Token, int]) -> csr_matrix:
    """How often each known token occurs: [len(texts), len(columns)] float32."""
    known = [[columns[token] for token in text if token in columns] for text in texts]
    rows = np.repeat(np.arange(len(known)), [len(text) for text in known])
    indices = np.array([column for text in known for column in text], dtype=np.int64)
    ones = np.ones(len(indices), dtype=np.float32)
    return csr_matrix((ones, (rows, indices)), shape=(len(texts), len(columns)))
