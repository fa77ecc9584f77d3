"""What the vectors look like: which pieces carry the weight, and how many there are.

Every figure is taken on raw vectors, before the stopword mask: a masked vector says nothing about the model.
"""

from itertools import chain

import numpy as np
from scipy.sparse import csr_matrix

from kosplade.vocab.tables import RATIO_CAP, WEIGHT_FLOOR

TOP = 10


def sparsity_metrics(
    documents_NV: csr_matrix,
    pieces: list[list[int]],
    *,
    stopword_V: np.ndarray,
    special_ids: list[int],
    hangul_V: np.ndarray,
    ascii_V: np.ndarray,
    functional_V: np.ndarray,
) -> dict[str, float]:
    """Figures on raw document vectors [N, V] (float32, non-negative), rounded to 6 digits.

    `pieces` are the piece ids of each document's own text. `stopword_V` masks stopwords, special pieces and
    punctuation; `hangul_V` and `ascii_V` say what a piece is written in; `functional_V` names pieces that carry grammar
    by Kiwi's tags (all bool [V]).

    - semantic_top10: share of a document's 10 heaviest pieces that are not masked, 0 for an empty vector;
    - stopword_activation: largest weight of a masked piece;
    - semantic_ratio: mean weight of the unmasked pieces that occur in the text over that of the masked ones
      that occur in it (special pieces excluded), of the texts that have both; 0 if none has;
    - foreign_activation: share of the non-zero weights whose piece is not Hangul, not ASCII, not in the text;
    - document_nnz: non-zero weights of a document;
    - functional_weight: share of all the weight that lies on functional pieces;
    - functional_top10: share of a document's 10 heaviest pieces that are functional;
    - own_pieces_silent: share of the unmasked pieces of the texts that weigh 0, by what they are written in.
    """
    documents_NV = without_zeros(documents_NV)
    occurs_NV = _occurrences(pieces, documents_NV.shape)
    in_text_NV = documents_NV.multiply(occurs_NV).tocsr()
    ordinary_V = np.ones(documents_NV.shape[1], dtype=bool)
    ordinary_V[special_ids] = False
    figures = {
        "semantic_top10": _share_of_top10(documents_NV, ~stopword_V),
        "stopword_activation": _stopword_activation(documents_NV, stopword_V),
        "semantic_ratio": _semantic_ratio(in_text_NV, occurs_NV, ordinary_V & ~stopword_V, ordinary_V & stopword_V),
        "foreign_activation": _foreign_activation(documents_NV, in_text_NV, ~hangul_V & ~ascii_V),
        "document_nnz": documents_NV.nnz / documents_NV.shape[0],
        "functional_weight": documents_NV.data[functional_V[documents_NV.indices]].sum()
        / max(documents_NV.data.sum(), WEIGHT_FLOOR),
        "functional_top10": _share_of_top10(documents_NV, functional_V),
    }
    scripts = {"hangul": hangul_V, "ascii": ascii_V, "other": ~hangul_V & ~ascii_V}
    for script, of_V in scripts.items():
        judged_V = ordinary_V & ~stopword_V & of_V
        occurring = judged_V[occurs_NV.indices].sum()
        weighing = (judged_V[in_text_NV.indices] & (in_text_NV.data > 0)).sum()
        figures[f"own_pieces_silent_{script}"] = 1 - weighing / occurring if occurring else 0.0
    return {name: round(float(value), 6) for name, value in figures.items()}


def without_zeros(vectors_NV: csr_matrix) -> csr_matrix:
    """A copy in float64, so that means do not depend on the order of summation at the digits that are reported."""
    vectors_NV = vectors_NV.astype(np.float64, copy=True)
    vectors_NV.eliminate_zeros()
    return vectors_NV


def _rows(vectors_NV: csr_matrix) -> np.ndarray:
    """The row of every stored entry, [nnz]."""
    return np.repeat(np.arange(vectors_NV.shape[0]), np.diff(vectors_NV.indptr))


def _occurrences(pieces: list[list[int]], shape: tuple[int, int]) -> csr_matrix:
    """1 where a piece occurs in the text, however often: [N, V] float64."""
    rows = np.repeat(np.arange(len(pieces)), [len(text) for text in pieces])
    columns = np.fromiter(chain.from_iterable(pieces), dtype=np.int64)
    occurs_NV = csr_matrix((np.ones(len(rows)), (rows, columns)), shape=shape)
    occurs_NV.data[:] = 1.0
    return occurs_NV


def _share_of_top10(documents_NV: csr_matrix, wanted_V: np.ndarray) -> float:
    num_documents, rows = documents_NV.shape[0], _rows(documents_NV)
    heaviest_first = np.lexsort((documents_NV.indices, -documents_NV.data, rows))
    # Rows stay contiguous in that order, so an entry's rank is its distance from the start of its row.
    top = np.arange(documents_NV.nnz) - documents_NV.indptr[rows] < TOP
    is_wanted = wanted_V[documents_NV.indices[heaviest_first][top]]
    counts_N = np.bincount(rows[top], minlength=num_documents)
    wanted_N = np.bincount(rows[top], weights=is_wanted, minlength=num_documents)
    return (wanted_N / np.maximum(counts_N, 1)).mean()


def _stopword_activation(documents_NV: csr_matrix, stopword_V: np.ndarray) -> float:
    largest_N = np.zeros(documents_NV.shape[0])
    masked = stopword_V[documents_NV.indices]
    np.maximum.at(largest_N, _rows(documents_NV)[masked], documents_NV.data[masked])
    return largest_N.mean()


def _semantic_ratio(
    in_text_NV: csr_matrix, occurs_NV: csr_matrix, semantic_V: np.ndarray, masked_V: np.ndarray
) -> float:
    semantic_N, num_semantic_N = in_text_NV @ semantic_V, occurs_NV @ semantic_V
    masked_N, num_masked_N = in_text_NV @ masked_V, occurs_NV @ masked_V
    both = (num_semantic_N > 0) & (num_masked_N > 0)
    if not both.any():
        return 0.0
    semantic = semantic_N[both] / num_semantic_N[both]
    masked = np.maximum(masked_N[both] / num_masked_N[both], WEIGHT_FLOOR)
    return np.minimum(semantic / masked, RATIO_CAP).mean()


def _foreign_activation(documents_NV: csr_matrix, in_text_NV: csr_matrix, foreign_V: np.ndarray) -> float:
    foreign = foreign_V[documents_NV.indices].sum() - foreign_V[in_text_NV.indices].sum()
    return foreign / max(documents_NV.nnz, 1)
