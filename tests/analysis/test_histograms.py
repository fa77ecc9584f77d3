"""Distributions of weights, counted by hand on small vectors."""

import json

import numpy as np
from scipy.sparse import csr_matrix

from kosplade.analysis.histograms import PIECE_KINDS, heaviest_pieces, nnz_histogram, piece_kinds, weight_histogram

V = 40  # as many as `word_tokenizer` has: 0 to 4 special, then w5 to w39


def mask(*ids: int) -> np.ndarray:
    return np.isin(np.arange(V), ids)


# 5 a stopword in Hangul, 6 one in neither script; 7 Hangul, 8 ASCII, 9 neither.
KINDS_V = piece_kinds(mask(*range(5), 5, 6), mask(5, 7), ~mask(5, 6, 7, 9))


def matrix(*vectors: dict[int, float]) -> csr_matrix:
    documents_NV = np.zeros((len(vectors), V), dtype=np.float32)
    for row, vector in enumerate(vectors):
        documents_NV[row, list(vector)] = list(vector.values())
    return csr_matrix(documents_NV)


def with_a_stored_zero() -> csr_matrix:
    return csr_matrix((np.float32([1, 0]), ([0, 0], [7, 9])), shape=(1, V))


def test_kinds_of_pieces():
    assert KINDS_V.dtype == np.int8
    assert [PIECE_KINDS[kind] for kind in KINDS_V[[0, 5, 6, 7, 8, 9]]] == [
        *["stopword"] * 3,
        *["semantic"] * 2,
        "foreign",
    ]


def test_weights_are_counted_per_bin_and_kind():
    documents_NV = matrix({5: 0.05, 7: 0.5, 8: 0.55, 9: 2.95}, {7: 1.25, 6: 0.59, 9: 3.0})
    histogram = weight_histogram(documents_NV, KINDS_V)
    assert histogram["edges"][:4] == [0.0, 0.1, 0.2, 0.3]
    assert (histogram["edges"][-1], len(histogram["edges"])) == (3.0, 31)
    counted = {kind: {bin_: n for bin_, n in enumerate(histogram[kind]) if n} for kind in PIECE_KINDS}
    # 0.5 opens bin 5, which holds 0.55 too; 3.0 closes the last bin, where 2.95 is.
    assert counted == {"semantic": {5: 2, 12: 1}, "stopword": {0: 1, 5: 1}, "foreign": {29: 2}}
    assert all(len(histogram[kind]) == 30 for kind in PIECE_KINDS)
    json.dumps(histogram)


def test_edges_of_weights_reach_the_largest():
    assert weight_histogram(matrix({}), KINDS_V)["edges"][-1] == 3.0
    # As float32 these lie just under and just above 3.7 and 3.2: the last edge must not be short of them.
    for weight, last in ((np.nextafter(np.float32(3.7), np.float32(0)), 3.7), (np.float32(3.2), 3.3)):
        histogram = weight_histogram(matrix({7: weight}), KINDS_V)
        assert histogram["edges"][-1] == last
        assert sum(histogram["semantic"]) == 1


def documents_of_lengths(*lengths: int) -> csr_matrix:
    indptr = np.concatenate([[0], np.cumsum(lengths)])
    indices = np.concatenate([np.arange(length) for length in lengths])
    return csr_matrix((np.ones(len(indices), dtype=np.float32), indices, indptr), shape=(len(lengths), 300))


def test_documents_are_counted_by_number_of_weights():
    histogram = nnz_histogram(documents_of_lengths(0, 9, 10, 199, 200))
    # 200 opens a bin of its own, so there is one more edge.
    assert histogram["edges"] == list(range(0, 220, 10))
    assert {10 * bin_: n for bin_, n in enumerate(histogram["counts"]) if n} == {0: 2, 10: 1, 190: 1, 200: 1}
    # Position 0.4 of 0, 9, 10, 199, 200 is 0.4 * 9; position 3.6 is 199 + 0.6.
    assert histogram["quantiles"] == {"min": 0.0, "p10": 3.6, "median": 10.0, "p90": 199.6, "max": 200.0}
    json.dumps(histogram)


def test_heaviest_pieces(word_tokenizer):
    documents_NV = matrix({7: 1.0, 9: 3.0, 5: 0.5}, {7: 2.0, 8: 3.0}, {5: 0.5})
    pieces = heaviest_pieces(documents_NV, KINDS_V, word_tokenizer)
    # Sums of 3, 3, 3 and 1 over three documents; the three ties are in order of their ids.
    assert pieces == [
        {"piece": "w7", "kind": "semantic", "mean": 1.0, "documents": 2},
        {"piece": "w8", "kind": "semantic", "mean": 1.0, "documents": 1},
        {"piece": "w9", "kind": "foreign", "mean": 1.0, "documents": 1},
        {"piece": "w5", "kind": "stopword", "mean": 0.333333, "documents": 2},
    ]
    assert heaviest_pieces(documents_NV, KINDS_V, word_tokenizer, count=2) == pieces[:2]
    json.dumps(pieces)


def test_stored_zeros_are_not_counted(word_tokenizer):
    documents_NV = with_a_stored_zero()
    assert sum(weight_histogram(documents_NV, KINDS_V)["foreign"]) == 0
    lengths = nnz_histogram(documents_NV)
    assert (lengths["quantiles"]["max"], lengths["counts"]) == (1.0, [1, *[0] * 19])
    assert [piece["piece"] for piece in heaviest_pieces(documents_NV, KINDS_V, word_tokenizer)] == ["w7"]
    assert documents_NV.nnz == 2, "the caller's matrix must stay as it was"
