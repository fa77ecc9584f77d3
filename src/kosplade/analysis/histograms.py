"""Distributions of the weights of document vectors: how heavy, how many, on which pieces.

As in `sparsity`, every figure is meant to be taken on raw vectors, before the stopword mask.
"""

import numpy as np
from scipy.sparse import csr_matrix
from transformers import PreTrainedTokenizerBase

from kosplade.analysis.sparsity import without_zeros

PIECE_KINDS = ("semantic", "stopword", "foreign")

# Fixed bins, so that the histograms of two models can be compared bin by bin.
BINS_PER_UNIT = 10  # of weight
LARGEST_WEIGHT = 3  # the least a histogram of weights reaches to
NNZ_BIN = 10
LARGEST_NNZ = 200  # the least a histogram of lengths reaches to


def piece_kinds(stopword_V: np.ndarray, hangul_V: np.ndarray, ascii_V: np.ndarray) -> np.ndarray:
    """int8 [V]: index into PIECE_KINDS of every piece, from three bool [V].

    A piece that `stopword_V` masks (stopwords, special pieces, punctuation) is "stopword" whatever it is written in; of
    the others, one with neither Hangul nor ASCII is "foreign" and the rest are "semantic".
    """
    kinds_V = np.full(len(stopword_V), PIECE_KINDS.index("semantic"), dtype=np.int8)
    kinds_V[~hangul_V & ~ascii_V] = PIECE_KINDS.index("foreign")
    kinds_V[stopword_V] = PIECE_KINDS.index("stopword")
    return kinds_V


def weight_histogram(documents_NV: csr_matrix, kinds_V: np.ndarray) -> dict[str, list]:
    """Non-zero weights per bin of 0.1, for each kind of piece: {"edges": [...], kind: [counts]}.

    `documents_NV` is float32 and non-negative, `kinds_V` as `piece_kinds` gives it. There is one edge more than counts:
    a bin holds its lower edge, the last one both. Edges start at 0 and end at the first that reaches the largest
    weight, 3.0 or above.
    """
    documents_NV = without_zeros(documents_NV)
    data, indices = documents_NV.data, documents_NV.indices
    # Weights are float32, so ten times one is exact in float64 and no weight lands past the last edge.
    bins = max(LARGEST_WEIGHT * BINS_PER_UNIT, int(np.ceil(data.max(initial=0.0) * BINS_PER_UNIT)))
    edges = np.arange(bins + 1) / BINS_PER_UNIT
    histogram = {"edges": edges.tolist()}
    for index, kind in enumerate(PIECE_KINDS):
        histogram[kind] = np.histogram(data[kinds_V[indices] == index], edges)[0].tolist()
    return histogram


def nnz_histogram(documents_NV: csr_matrix) -> dict[str, list | dict[str, float]]:
    """Documents by number of non-zero weights: {"edges": [...], "counts": [...], "quantiles": {...}}.

    Bins of 10 from 0, lower edge included, up to 200 or past the largest; one edge more than counts. The quantiles
    "min", "p10", "median", "p90" and "max" are interpolated linearly. There must be a document.
    """
    nnz_N = np.diff(without_zeros(documents_NV).indptr)
    counts = np.bincount(nnz_N // NNZ_BIN, minlength=LARGEST_NNZ // NNZ_BIN)
    quantiles = np.quantile(nnz_N, [0, 0.1, 0.5, 0.9, 1]).tolist()
    return {
        "edges": [NNZ_BIN * edge for edge in range(len(counts) + 1)],
        "counts": counts.tolist(),
        "quantiles": {
            name: round(value, 6) for name, value in zip(("min", "p10", "median", "p90", "max"), quantiles, strict=True)
        },
    }


def heaviest_pieces(
    documents_NV: csr_matrix, kinds_V: np.ndarray, tokenizer: PreTrainedTokenizerBase, count: int = 30
) -> list[dict]:
    """The `count` pieces with the largest mean weight, heaviest first, ties by id; none without a weight.

    Each is {"piece": as the vocabulary spells it, "kind": of PIECE_KINDS, "mean": sum of its weights over the number of
    all documents, "documents": how many give it a weight}. There must be a document.
    """
    documents_NV = without_zeros(documents_NV)
    mean_V = np.asarray(documents_NV.sum(axis=0)).ravel() / documents_NV.shape[0]
    documents_V = documents_NV.getnnz(axis=0)
    heaviest_first = np.argsort(-mean_V, kind="stable")[:count]
    ids = heaviest_first[documents_V[heaviest_first] > 0].tolist()
    return [
        {
            "piece": piece,
            "kind": PIECE_KINDS[kinds_V[id_]],
            "mean": round(float(mean_V[id_]), 6),
            "documents": int(documents_V[id_]),
        }
        for id_, piece in zip(ids, tokenizer.convert_ids_to_tokens(ids), strict=True)
    ]
