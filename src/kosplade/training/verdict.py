"""What the curve of a short training says: it learns, it does not, or the steps are too few to say."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from kosplade.params import Params

ENOUGH = 24  # steps from which a loss that does not fall is no accident
CLEARLY = 3.0  # standard errors


@dataclass(frozen=True)
class Verdict:
    """`figures` for metrics/verify.json; `error` why the training does not work and what to change, or ""; `doubt`."""

    figures: dict[str, float]
    error: str = ""
    doubt: str = ""


def judge(rows: Sequence[dict[str, float]], params: Params) -> Verdict:
    """Judge the log rows of a training, one a step: the loss must fall, and with the mask semantic pieces must lead.

    The loss is that without FLOPS, whose weight rises meanwhile: the mean of the first third of the steps against that
    of the last. With fewer than ENOUGH steps only a loss that rises by CLEARLY more than its noise is an error.
    """
    losses = [row["loss_without_flops"] for row in rows]
    third = max(1, len(losses) // 3)
    first, last = losses[:third], losses[-third:]
    figures = {
        "loss_first": round(fmean(first), 6),
        "loss_last": round(fmean(last), 6),
        "semantic_ratio": round(fmean(row["semantic_ratio"] for row in rows[-third:]), 6),
        "stopword_activation": round(fmean(row["stopword_activation"] for row in rows[-third:]), 6),
    }
    curve = f"({fmean(first):.3f} -> {fmean(last):.3f} in {len(rows)} steps)"
    falls, leads = fmean(last) < fmean(first), figures["semantic_ratio"] > 1 or not params.loss.stopword_mask
    if len(rows) < ENOUGH and not (falls and leads) and not _clearly_rises(first, last):
        doubt = f"too few steps to say whether it learns {curve}: {_longer(params)} for a verdict."
        return Verdict(figures, doubt=doubt)
    if not falls:
        remedy = f"{_longer(params)}, or lower train.learning_rate."
        return Verdict(figures, error=f"the loss does not fall {curve}. {remedy[0].upper()}{remedy[1:]}")
    if not leads:
        ratio = f"semantic ratio {figures['semantic_ratio']:.3f} is not above 1."
        return Verdict(figures, error=f"{ratio} Raise stopword_penalty or lambda_flops.")
    return Verdict(figures)


def _clearly_rises(first: Sequence[float], last: Sequence[float]) -> bool:
    if len(first) < 2:
        return False
    error = ((stdev(first) ** 2 + stdev(last) ** 2) / len(first)) ** 0.5
    return fmean(last) - fmean(first) > CLEARLY * error


def _longer(params: Params) -> str:
    """What limits the number of steps, as something to do."""
    limit = params.train.max_steps
    whole = params.verify.epochs * params.verify.samples // params.train.batch_size
    if limit != -1 and limit < whole:
        return "raise train.max_steps"
    return "raise verify.epochs, or verify.samples where there are more records"
