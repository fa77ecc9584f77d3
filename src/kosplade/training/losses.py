"""The terms of the training loss, one plain function each.

Shapes: B queries, N documents (row i < B is the positive of query i), P computed pieces. Weights are the encoder's
non-negative outputs; all functions return a scalar and are differentiable.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

# Score of a document that must not count for a query: e to it is 0 in float32, and its difference from itself is 0.
EXCLUDED = -1e4


def infonce(scores_BN: Tensor) -> Tensor:
    """Cross-entropy of the positive (column i of row i) against the batch's documents (van den Oord et al. 2018)."""
    return F.cross_entropy(scores_BN, torch.arange(len(scores_BN), device=scores_BN.device))


def distillation(scores_BN: Tensor, teacher_BN: Tensor) -> Tensor:
    """KL(softmax(teacher) || softmax(scores)), mean over queries; both already divided by their temperatures."""
    return F.kl_div(
        F.log_softmax(scores_BN, dim=1), F.log_softmax(teacher_BN, dim=1), reduction="batchmean", log_target=True
    )


def flops(weights_NP: Tensor, penalty_P: Tensor) -> Tensor:
    """sum over pieces of penalty * (mean over texts of weight)^2 (Paria et al. 2020, eq. 4, weighted by piece)."""
    return (penalty_P * weights_NP.mean(dim=0).square()).sum()


def margin(scores_BN: Tensor, hard_negatives: int, size: float) -> Tensor:
    """mean relu(size - positive + negative) over each query's own hard negatives (columns from B + i * H on)."""
    batch = len(scores_BN)
    positive_B1 = scores_BN[:, :batch].diagonal().unsqueeze(1)
    rows_BH = scores_BN[:, batch:].view(batch, batch, hard_negatives).diagonal(dim1=0, dim2=1).T
    return F.relu(size - positive_B1 + rows_BH).mean()


def reach(weights_NP: Tensor, target_NP: Tensor) -> Tensor:
    """mean relu(target - weight) over the entries with a target above zero; 0 where there is none.

    `self_reconstruction` wants a text's own semantic pieces, `positive` the query's semantic pieces in its positive
    (bool targets: weight 1), `morphemes` those of a document's morphemes by how often they occur. Unlike a linear
    reward it is bounded and stops paying once a piece is present.
    """
    # Weights are not negative: where the target is 0 nothing is short.
    return F.relu(target_NP.to(weights_NP.dtype) - weights_NP).sum() / (target_NP > 0).sum().clamp(min=1)


def min_activation(weights_NP: Tensor, top_k: int, floor: float) -> Tensor:
    """mean over texts of relu(floor - mean of the top_k weights): keeps a text from vanishing."""
    return F.relu(floor - weights_NP.topk(min(top_k, weights_NP.shape[1]), dim=1).values.mean(dim=1)).mean()


def flops_penalty(
    idf_V: Tensor,
    document_frequency_V: Tensor,
    stopword_V: Tensor | None,
    functional_V: Tensor,
    *,
    idf_weighting: bool,
    idf_alpha: float,
    stopword_penalty: float,
    functional_penalty: float,
) -> Tensor:
    """Penalty of every piece, float32 [V].

    With `idf_weighting` exp(-idf_alpha * (idf - min) / (max - min)) over the pieces that occur and are not masked:
    common pieces cost most. Pieces that never occurred cost 1, the most there is (their idf would make them the
    cheapest). Without it every piece costs 1. Masked pieces (`stopword_V` bool, None for no mask) cost
    `stopword_penalty` times more. With a mask, the others cost up to `functional_penalty` times more, by the share of
    their occurrences that carry grammar (`functional_V` float32).
    """
    penalty_V = torch.ones_like(idf_V)
    if idf_weighting:
        ranked_V = document_frequency_V > 0
        if stopword_V is not None:
            ranked_V = ranked_V & ~stopword_V
        low, high = idf_V[ranked_V].min(), idf_V[ranked_V].max()
        share_V = ((idf_V - low) / (high - low).clamp(min=1e-9)).clamp(0, 1)
        penalty_V = torch.where(document_frequency_V > 0, torch.exp(-idf_alpha * share_V), penalty_V)
    if stopword_V is not None:
        functional_V = 1 + (functional_penalty - 1) * functional_V
        penalty_V = penalty_V * torch.where(stopword_V, stopword_penalty, functional_V)
    return penalty_V


def quadratic_warmup(step: int, warmup_steps: int) -> float:
    """Factor min(1, (step / warmup_steps)^2) on the FLOPS weight (Formal et al. 2021, section 3)."""
    return 1.0 if warmup_steps <= 0 else min(1.0, step / warmup_steps) ** 2
