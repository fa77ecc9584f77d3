"""Sparsity figures worked out by hand on two small vectors."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from kosplade.analysis.sparsity import RATIO_CAP, sparsity_metrics

# Pieces: 0 <s> and 1 </s> special, 2 and 3 masked particles, 4..13 Hangul words, 14 ASCII, 15 and 16 foreign.
V = 17
SPECIAL = [0, 1]


def mask(*ids: int) -> np.ndarray:
    return np.isin(np.arange(V), ids)


def figures(vectors: list[dict[int, float]], pieces: list[list[int]]) -> dict[str, float]:
    documents_NV = np.zeros((len(vectors), V), dtype=np.float32)
    for row, vector in enumerate(vectors):
        documents_NV[row, list(vector)] = list(vector.values())
    return sparsity_metrics(
        csr_matrix(documents_NV),
        pieces,
        stopword_V=mask(0, 1, 2, 3),
        special_ids=SPECIAL,
        hangul_V=mask(*range(2, 14)),
        ascii_V=mask(0, 1, 14),
        functional_V=mask(2, 3, 6),
    )


def test_hand_computed_values():
    first = {0: 5.0, 2: 1.0, 4: 3.0, 5: 2.0, 15: 1.0}
    second = {2: 0.25, 3: 0.5, 6: 2.0, 14: 1.0, 15: 1.0, 16: 1.0}
    # Piece 4 occurs twice but counts once; 7 occurs and weighs 0.
    texts = [[0, 4, 4, 2, 7, 1], [0, 6, 3, 16, 1]]
    assert figures([first, second], texts) == {
        # 4, 5, 15 of 5 pieces; 6, 14, 15, 16 of 6 pieces: (3/5 + 4/6) / 2
        "semantic_top10": 0.633333,
        # <s> at 5.0; piece 3 at 0.5: (5 + .5) / 2
        "stopword_activation": 2.75,
        # first: mean of 4 and 7 = (3 + 0) / 2 over piece 2 = 1.0, so 1.5; <s> does not take part.
        # second: mean of 6 and 16 = (2 + 1) / 2 over piece 3 = 0.5, so 3.0. Mean 2.25.
        "semantic_ratio": 2.25,
        # 15 in the first; 15 in the second, whose 16 occurs in the text: 2 of 5 + 6 entries
        "foreign_activation": 0.181818,
        "document_nnz": 5.5,
        # 2 at 1.0; 2, 3 and 6 at 2.75 together: 3.75 of 12 + 5.75
        "functional_weight": 0.211268,
        # one of 5, three of 6
        "functional_top10": 0.35,
        # 4, 7; 6 in Hangul, of which 7 weighs 0; 16 is of another script
        "own_pieces_silent_hangul": 0.333333,
        "own_pieces_silent_ascii": 0.0,
        "own_pieces_silent_other": 0.0,
    }


def test_only_the_ten_heaviest_count_and_ties_go_to_the_smaller_id():
    # 11 words of weight 1 fill ranks 2 to 11 behind the particle 3; the tie drops the largest id, so 9 of 10.
    assert figures([{3: 2.0} | dict.fromkeys(range(4, 15), 1.0)], [[]])["semantic_top10"] == 0.9
    # All tie: ids 0, 2, 3 and seven words make the top 10.
    assert figures([dict.fromkeys([0, 2, 3, *range(4, 15)], 1.0)], [[]])["semantic_top10"] == 0.7


def test_an_empty_vector_counts_zero():
    result = figures([{}, {4: 1.0}], [[4], [4]])
    assert result["semantic_top10"] == 0.5
    assert result["stopword_activation"] == 0.0
    assert result["document_nnz"] == 0.5


def test_semantic_ratio_skips_texts_without_both_kinds():
    # Only the first text has an unmasked and a masked piece: 2 / 1.
    vectors = [{4: 2.0, 2: 1.0}, {4: 9.0}, {2: 9.0}]
    assert figures(vectors, [[4, 2], [4], [2]])["semantic_ratio"] == 2.0
    assert figures(vectors[1:], [[4], [2]])["semantic_ratio"] == 0.0


@pytest.mark.parametrize(
    ("semantic", "masked", "expected"),
    [
        (0.5, 0.0, 500.0),  # 0.5 over the floor of 0.001
        (0.5, 0.0001, 500.0),  # below the floor
        (3.0, 0.0, RATIO_CAP),  # 3000, capped
        (3.0, 0.002, RATIO_CAP),  # 1500, capped
    ],
)
def test_semantic_ratio_is_floored_and_capped(semantic, masked, expected):
    assert figures([{4: semantic, 2: masked}], [[4, 2]])["semantic_ratio"] == expected


def test_stored_zeros_are_not_active():
    documents_NV = csr_matrix((np.float32([1, 0]), ([0, 0], [4, 15])), shape=(1, V))
    none = mask()
    result = sparsity_metrics(
        documents_NV, [[]], stopword_V=none, special_ids=[], hangul_V=none, ascii_V=mask(4), functional_V=none
    )
    assert result["document_nnz"] == 1.0
    assert result["foreign_activation"] == 0.0
    assert documents_NV.nnz == 2, "the caller's matrix must stay as it was"
