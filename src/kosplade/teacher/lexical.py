"""The lexical half of the teacher: BM25 over Korean morphemes, of any query of training with any document of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix, vstack

PARTS = ("data", "indices", "indptr")


@dataclass(frozen=True)
class Lexical:
    """A row for each text: the terms of queries, 1 each, and the BM25 weights of the terms of documents."""

    queries_QT: csr_matrix
    documents_NT: csr_matrix

    def scores(self, query_rows: np.ndarray, document_rows: np.ndarray) -> np.ndarray:
        """float32 [queries, documents]: BM25 as Lucene computes it, without the constant factor k1 + 1."""
        return (self.queries_QT[query_rows] @ self.documents_NT[document_rows].T).toarray()


def stack(blocks: Sequence[csr_matrix]) -> csr_matrix:
    """Counts of consecutive texts as one matrix; earlier blocks know fewer terms."""
    for block in blocks:
        block.resize(block.shape[0], blocks[-1].shape[1])
    return vstack(blocks, format="csr")


def presence(counts_NT: csr_matrix) -> csr_matrix:
    """1 for each term that occurs, float32 [N, T]."""
    return csr_matrix((np.ones_like(counts_NT.data), counts_NT.indices, counts_NT.indptr), shape=counts_NT.shape)


def save_rows(folder: Path, name: str, rows_NT: csr_matrix) -> None:
    """Write <name>_{data,indices,indptr}.npy into an existing folder."""
    for part in PARTS:
        np.save(folder / f"{name}_{part}.npy", getattr(rows_NT, part))


def load_rows(open_array: Callable[[str], np.ndarray], name: str, columns: int) -> csr_matrix:
    """What `save_rows` wrote, over memory-mapped arrays that `open_array` gives for a file name.

    Raises ValueError if the arrays do not fit one another.
    """
    data, indices, indptr = (open_array(f"{name}_{part}.npy") for part in PARTS)
    if not len(data) == len(indices) == indptr[-1] or (len(indices) and indices.max() >= columns):
        raise ValueError(f"the arrays of {name} do not fit one another")
    return csr_matrix((data, indices, indptr), shape=(len(indptr) - 1, columns), copy=False)
