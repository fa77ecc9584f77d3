"""What stops a training that can only fail, with the reason, the step, the last good checkpoint and the remedy."""

import math

from kosplade.errors import UserError

# No inverted index serves documents well that keep more than this share of the vocabulary, unless that is few pieces.
DENSE_SHARE = 0.01
DENSE_PIECES = 500


def check_finite(value: float, what: str, step: int, last_good: str) -> None:
    """Raise UserError if a loss or gradient is NaN or infinite."""
    if not math.isfinite(value):
        raise UserError(
            f"training stopped at step {step}: {what} is {value}. {last_good} "
            "Lower train.learning_rate or train.bias_learning_rate, or raise the temperatures in loss."
        )


def check_sparsity(
    figures: dict[str, float], step: int, last_good: str, *, vocab_size: int, has_flops: bool, is_warm: bool
) -> None:
    """Raise UserError if the documents of a logging window are empty, or dense after the warm-up of FLOPS.

    `figures` holds `document_nnz`; `has_flops` whether FLOPS has a weight at all, `is_warm` whether it is full.
    """
    nnz = figures["document_nnz"]
    if nnz < 1:
        raise UserError(
            f"training stopped at step {step}: the vectors collapsed, {nnz:.2f} pieces a document. {last_good} "
            "Lower lambda_flops or train.bias_learning_rate, or set loss.min_activation above 0."
        )
    limit = max(DENSE_PIECES, DENSE_SHARE * vocab_size)
    if has_flops and is_warm and nnz > limit:
        raise UserError(
            f"training stopped at step {step}: no sparsity after the warm-up of FLOPS, {nnz:.0f} pieces a document, "
            f"more than {limit:.0f} ({DENSE_SHARE:.0%} of the vocabulary, at least {DENSE_PIECES}). {last_good} "
            "Raise lambda_flops or train.bias_learning_rate."
        )
