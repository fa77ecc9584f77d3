"""What an approximate index (`sparse_vector`, method seismic) needs to know of a model: ids that fit, weights' range.

Seismic holds an id in two bytes and folds larger ones, by 65,536 up to OpenSearch 3.8 and by 32,768 later, so that two
pieces become one, and up to 3.8 a folded id from 32,768 on fails the query. So a field of ours never holds ids of
pieces. It holds ranks below 32,768 among the pieces that are served: Hangul first, then by their weight in a query, the
most frequent first. Other pieces have none, and an index loses their weights. `idf.json` decides, so an export that
was recounted over a collection has ranks for what that collection holds.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from kosplade.retrieval.served import ServedModel
from kosplade.vocab.pieces import hangul_mask

MOST = 1 << 15  # ranks
# By the table in docs/serve.md: tokens of a query whose postings are read, and how reluctantly a cluster is skipped.
TOP_N, HEAP_FACTOR = 20, 1.2


@dataclass(frozen=True)
class Ranks:
    """`rank_V` int64: the rank of each piece, -1 for one without; no two are equal."""

    rank_V: np.ndarray

    @cached_property
    def piece_R(self) -> np.ndarray:
        """int64: the piece of each rank."""
        pieces = np.flatnonzero(self.rank_V >= 0)
        return pieces[np.argsort(self.rank_V[pieces])]

    def to_ranks(self, vectors_NV: csr_matrix) -> csr_matrix:
        """[N, R] of the same weights by rank; those of pieces without one are gone."""
        return csr_matrix(vectors_NV[:, self.piece_R])

    def to_pieces(self, vectors_NR: csr_matrix) -> csr_matrix:
        """[N, V]: back again."""
        shape = (vectors_NR.shape[0], len(self.rank_V))
        return csr_matrix((vectors_NR.data, self.piece_R[vectors_NR.indices], vectors_NR.indptr), shape=shape)


def rank_pieces(query_weight_V: np.ndarray, first_V: np.ndarray) -> Ranks:
    """Ranks of the pieces that weigh something in a query: those of `first_V` (bool), then the lightest, then by id.

    The ids of a vocabulary that was learned by frequency, as XLM-R's, go on where the weights do not tell any more.
    """
    order = np.lexsort((query_weight_V, ~first_V))  # stable
    ranked = order[query_weight_V[order] > 0][:MOST]
    rank_V = np.full(len(query_weight_V), -1)
    rank_V[ranked] = np.arange(len(ranked))
    return Ranks(rank_V)


def ranks_of(model: ServedModel) -> Ranks:
    """The ranks that every index and every query of this model uses."""
    return rank_pieces(model.query_weight_V, hangul_mask(model.tokenizer))


def field_of(model: ServedModel) -> dict[str, Any]:
    """The mapping of a `sparse_vector` field; weights are one byte each there, cut at the ceilings."""
    # log(1 + logit) seldom passes 3, and no count multiplies it by more than k1 + 1. Encoded queries add their IDF.
    largest = 3.0
    ceilings = {
        "quantization_ceiling_search": math.ceil(max(1.0, model.counting.query_idf) * model.query_weight_V.max()),
        "quantization_ceiling_ingest": math.ceil(largest * (model.counting.k1 + 1)),
    }
    return {"type": "sparse_vector", "method": {"name": "seismic", "parameters": ceilings}}


def method_parameters(size: int = 10, top_n: int = TOP_N, heap_factor: float = HEAP_FACTOR) -> dict[str, Any]:
    """How Seismic searches for the best `size` documents of each segment."""
    return {"method_parameters": {"k": size, "top_n": top_n, "heap_factor": heap_factor}}
