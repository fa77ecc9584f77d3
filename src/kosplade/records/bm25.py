"""BM25 over piece ids or words as sparse vectors: the baseline to beat, and the lexical half of the teacher."""

from collections.abc import Hashable, Sequence
from typing import TypeVar

import numpy as np
from scipy.sparse import csr_matrix

Term = TypeVar("Term", bound=Hashable)

K1, B = 1.2, 0.75  # Lucene's own


def count_terms(texts: Sequence[Sequence[Term]], numbers: dict[Term, int], *, grow: bool) -> csr_matrix:
    """How often each term occurs, float32 [texts, terms]; an unknown term gets the next number, or is dropped."""
    rows, columns = [], []
    for row, terms in enumerate(texts):
        for term in terms:
            column = numbers.setdefault(term, len(numbers)) if grow else numbers.get(term)
            if column is not None:
                rows.append(row)
                columns.append(column)
    ones = np.ones(len(rows), dtype=np.float32)
    return csr_matrix((ones, (rows, columns)), shape=(len(texts), len(numbers)))


def bm25_weights(counts_NT: csr_matrix, k1: float = K1, b: float = B) -> csr_matrix:
    """float32 [N, T]: BM25 as Lucene computes it, without the constant factor k1 + 1.

    `ln(1 + (N - df + .5) / (df + .5)) * tf / (tf + k1 * (1 - b + b * length / mean length))` (Robertson 2009).
    """
    texts, terms = counts_NT.shape
    df_T = np.bincount(counts_NT.indices, minlength=terms)
    idf_T = np.log1p((texts - df_T + 0.5) / (df_T + 0.5))
    lengths_N = np.asarray(counts_NT.sum(axis=1)).ravel()
    norm_N = k1 * (1 - b + b * lengths_N / max(lengths_N.mean(), 1e-9))
    norms = np.repeat(norm_N, np.diff(counts_NT.indptr))
    weights = idf_T[counts_NT.indices] * counts_NT.data / (counts_NT.data + norms)
    return csr_matrix((weights.astype(np.float32), counts_NT.indices, counts_NT.indptr), shape=counts_NT.shape)


def bm25_vectors(
    queries: Sequence[Sequence[Term]], documents: Sequence[Sequence[Term]], *, k1: float, b: float
) -> tuple[csr_matrix, csr_matrix]:
    """(queries [Q, T], documents [N, T]), float32, whose dot products are BM25.

    A term counts as often as the query repeats it, one that no document has not at all.
    """
    numbers: dict[Term, int] = {}
    documents_NT = bm25_weights(count_terms(documents, numbers, grow=True), k1, b)
    return count_terms(queries, numbers, grow=False), documents_NT
