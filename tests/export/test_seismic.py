"""Ranks of pieces: below 32,768, Hangul first, then by weight, and back again."""

import numpy as np
from scipy.sparse import csr_matrix
from tiny_export import HIDDEN, write_tiny_export

from kosplade.export.seismic import MOST, rank_pieces, ranks_of
from kosplade.retrieval.served import load_export
from kosplade.vocab.pieces import hangul_mask


def test_hangul_comes_first_then_the_lightest_then_the_id():
    weight_V = np.float32([0, 5, 2, 9, 9, 0, 2, 1])
    first_V = np.array([False, True, False, False, False, True, False, False])
    ranks = rank_pieces(weight_V, first_V)
    assert ranks.rank_V.tolist() == [-1, 0, 2, 4, 5, -1, 3, 1]  # what weighs nothing has none, Hangul or not
    assert ranks.piece_R.tolist() == [1, 7, 2, 6, 3, 4]


def test_of_the_real_vocabulary_32768_pieces_have_a_rank_and_all_of_hangul(tokenizer):
    hangul_V = hangul_mask(tokenizer)
    weight_V = np.full(len(tokenizer), 10, dtype=np.float32)
    weight_V[[0, 1, 2, 3, 250_001]] = 0
    weight_V[200_000] = 3
    rank_V = rank_pieces(weight_V, hangul_V).rank_V
    ranked = np.flatnonzero(rank_V >= 0)
    assert len(ranked) == MOST == 2**15
    assert sorted(rank_V[ranked]) == list(range(MOST))
    hangul = np.flatnonzero(hangul_V & (weight_V > 0))
    assert rank_V[hangul].tolist() == list(range(len(hangul)))
    assert np.count_nonzero(hangul >= 65_536) > 4_000  # which an index of raw ids would fold
    assert rank_V[200_000] == len(hangul)
    assert np.flatnonzero(rank_V == len(hangul) + 1) == np.flatnonzero(~hangul_V & (weight_V == 10))[0]


def test_vectors_go_there_and_back_but_for_pieces_without_a_rank():
    ranks = rank_pieces(np.float32([0, 5, 2, 9]), np.zeros(4, dtype=bool))
    vectors_NV = csr_matrix(np.float32([[7, 1, 0, 2], [0, 0, 0, 0], [0, 0, 3, 0]]))
    vectors_NR = ranks.to_ranks(vectors_NV)
    assert vectors_NR.toarray().tolist() == [[0, 1, 2], [0, 0, 0], [3, 0, 0]]
    assert ranks.to_pieces(vectors_NR).toarray().tolist() == [[0, 1, 0, 2], [0, 0, 0, 0], [0, 0, 3, 0]]


def test_the_ranks_of_a_model_are_those_of_what_it_serves(tmp_path, word_tokenizer):
    write_tiny_export(tmp_path / "export", word_tokenizer)
    model = load_export(tmp_path / "export", max_query_length=8, max_document_length=8)
    assert np.flatnonzero(ranks_of(model).rank_V < 0).tolist() == HIDDEN
