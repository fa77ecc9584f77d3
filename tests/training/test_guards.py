"""What stops a training: each condition at its limits, and a message with step, reason, checkpoint and remedy."""

from math import inf, nan

import pytest
from refused import message

from kosplade.training.guards import check_finite, check_sparsity

LAST = "Last good checkpoint: /somewhere/checkpoint-150."


@pytest.mark.parametrize("value", [0.0, -1.0, 1e308, 5e-324])
def test_a_finite_number_passes(value):
    check_finite(value, "the loss", 7, LAST)


@pytest.mark.parametrize("value", [nan, inf, -inf])
def test_what_is_not_finite_stops(value):
    said = message(check_finite, value, "the gradient", 173, LAST)
    assert f"step 173: the gradient is {value}. {LAST} Lower train.learning_rate" in said


def check(document_nnz, *, vocab_size=250_002, has_flops=True, is_warm=True) -> None:
    figures = {"loss": 1.0, "document_nnz": document_nnz, "query_nnz": 0.0}
    check_sparsity(figures, 20, LAST, vocab_size=vocab_size, has_flops=has_flops, is_warm=is_warm)


@pytest.mark.parametrize("document_nnz", [1.0, 2500.02])
def test_from_one_piece_to_a_hundredth_of_the_vocabulary_passes(document_nnz):
    check(document_nnz)


@pytest.mark.parametrize("document_nnz", [0.0, 0.999])
@pytest.mark.parametrize("flops", [{}, {"has_flops": False}, {"is_warm": False}])
def test_less_than_one_piece_a_document_stops_at_any_time(document_nnz, flops):
    said = message(check, document_nnz, **flops)
    assert f"step 20: the vectors collapsed, {document_nnz:.2f} pieces a document. {LAST} Lower lambda_flops" in said


@pytest.mark.parametrize(("vocab_size", "limit"), [(250_002, 2500), (51_000, 510), (50_000, 500), (500, 500)])
def test_more_than_a_hundredth_of_the_vocabulary_and_than_500_pieces_stops(vocab_size, limit):
    check(limit, vocab_size=vocab_size)
    text = message(check, limit + 1, vocab_size=vocab_size)
    assert f"{limit + 1} pieces a document, more than {limit} " in text
    assert f"{LAST} Raise lambda_flops" in text


@pytest.mark.parametrize("flops", [{"has_flops": False}, {"is_warm": False}])
def test_dense_documents_pass_before_the_end_of_the_warm_up_and_without_flops(flops):
    check(250_002, **flops)
