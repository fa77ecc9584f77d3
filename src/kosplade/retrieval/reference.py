"""What a sparse encoder has to beat: BM25 over its own pieces and over Kiwi morphemes, and a dense encoder."""

from collections.abc import Callable, Collection
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_matrix

from kosplade.records.bm25 import bm25_vectors
from kosplade.records.kiwi import Morphemes
from kosplade.retrieval.cost import serving_cost
from kosplade.retrieval.results import BASELINES
from kosplade.retrieval.search import dense_search, search


class Found(NamedTuple):
    """What a system retrieved, in the convention of `search`, and what serving it costs."""

    ids_QK: np.ndarray
    scores_QK: np.ndarray
    cost: dict[str, float]


def sparse_found(queries_QV: csr_matrix, documents_NV: csr_matrix, depth: int) -> Found:
    """Exact search in sparse vectors, and its cost."""
    return Found(*search(queries_QV, documents_NV, depth), serving_cost(queries_QV, documents_NV))


class Baselines:
    """The baselines over one collection.

    `document_pieces` are cut as the model cuts them, morphemes are of whole texts; `documents_ND` are vectors of
    a dense encoder, which an index keeps as float16, `encode` gives those of (queries, a label for the progress bar).
    Both are None where `names`, of BASELINES, leaves "dense" out.
    """

    def __init__(
        self,
        documents: list[str],
        document_pieces: list[list[int]],
        documents_ND: np.ndarray | None,
        encode: Callable[[list[str], str], np.ndarray] | None,
        *,
        k1: float,
        b: float,
        names: Collection[str] = BASELINES,
    ):
        self._names = names
        self._morphemes = Morphemes()
        self._encode = encode
        self._bm25 = {"k1": k1, "b": b}
        self._document_pieces = document_pieces
        if "bm25_kiwi" in names:
            self._document_morphemes = self._morphemes(documents, "baselines: morphemes of documents")
        if "dense" in names:
            self._documents_ND = documents_ND.astype(np.float16)

    def search(self, queries: list[str], query_pieces: list[list[int]], depth: int, label: str) -> dict[str, Found]:
        """Each baseline's documents for the queries, by name, in the order of BASELINES."""
        found: dict[str, Found] = {}
        if "bm25" in self._names:
            found["bm25"] = sparse_found(*bm25_vectors(query_pieces, self._document_pieces, **self._bm25), depth)
        if "bm25_kiwi" in self._names:
            query_morphemes = self._morphemes(queries, f"baselines: morphemes of {label}")
            vectors = bm25_vectors(query_morphemes, self._document_morphemes, **self._bm25)
            found["bm25_kiwi"] = sparse_found(*vectors, depth)
        if "dense" in self._names:
            found["dense"] = self._dense(queries, f"baselines: dense, {label}", depth)
        return found

    def _dense(self, queries: list[str], label: str, depth: int) -> Found:
        queries_QD = self._encode(queries, label)
        # A dense index keeps every number of every vector; FLOPS as for sparse vectors: one product a dimension.
        cost = {
            "query_nnz": float(queries_QD.shape[1]),
            "document_nnz": float(queries_QD.shape[1]),
            "flops": float(queries_QD.shape[1]),
            "index_bytes": self._documents_ND.nbytes,
        }
        return Found(*dense_search(queries_QD, self._documents_ND.astype(np.float32), depth), cost)
