"""The max-pooling head over a large vocabulary, without the tensor [batch, length, vocabulary].

Logits are computed for a slice of the vocabulary at a time and only their maximum over the positions and its place are
kept. After the maximum, one position for each (text, piece) carries a gradient, and only where the maximum is
positive, so the backward pass is a gather and a scatter over those pairs.

Stands alone: needs torch and nothing of this package.
"""

import torch
from torch import Tensor

LOGITS_AT_ONCE = {
    "cpu": 1 << 21,
    "cuda": 1 << 28,
}  # elements of one slice of logits: cache on a CPU, occupancy on a GPU
PAIRS_AT_ONCE = 1 << 16  # (text, piece) pairs gathered at once in the backward pass


def max_pool_head(hidden_BLD: Tensor, mask_BL: Tensor, weight_VD: Tensor, bias_V: Tensor) -> Tensor:
    """weights_BV = log(1 + relu(max over unmasked positions of hidden_BLD @ weight_VD.T + bias_V)).

    SPLADE-max (Formal et al. 2021, arXiv 2109.10086, eq. 6).

    Args:
        hidden_BLD: floating, the input of the decoder at each position.
        mask_BL: bool or integer, non-zero at real positions; every text has at least one.
        weight_VD: decoder rows of the wanted pieces, same dtype as `hidden_BLD` (under autocast, any floating dtype).
        bias_V: decoder bias of the same pieces.

    Returns:
        weights_BV, non-negative, in the dtype of `bias_V`; differentiable in hidden, weight and bias.
    """
    trains = torch.is_grad_enabled() and any(one.requires_grad for one in (hidden_BLD, weight_VD, bias_V))
    return _MaxPoolHead.apply(hidden_BLD, mask_BL, weight_VD, bias_V, trains)


def without_padding(hidden_BLD: Tensor, mask_BL: Tensor) -> Tensor:
    """The states with each padding position a copy of the text's first real one: it cannot win, no logit needs a mask.

    In operations that torch.jit.script and ONNX have: every form of the head begins with it.
    """
    is_real_BL = mask_BL > 0
    first_B11 = is_real_BL.long().argmax(1)[:, None, None]
    first_B1D = hidden_BLD.gather(1, first_B11.expand(-1, -1, hidden_BLD.size(2)))
    return torch.where(is_real_BL.unsqueeze(-1), hidden_BLD, first_B1D)


class _MaxPoolHead(torch.autograd.Function):
    @staticmethod
    def forward(ctx, hidden_BLD: Tensor, mask_BL: Tensor, weight_VD: Tensor, bias_V: Tensor, trains: bool) -> Tensor:
        device = hidden_BLD.device.type
        compute = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else hidden_BLD.dtype
        batch, length, _ = hidden_BLD.shape
        vocab = weight_VD.shape[0]
        states_BLD = without_padding(hidden_BLD, mask_BL).to(compute)
        states_ND = states_BLD.reshape(batch * length, -1)

        best_BV = torch.empty(batch, vocab, dtype=bias_V.dtype, device=hidden_BLD.device)
        where_BV = None
        if trains:  # nothing else asks where a maximum was
            place = torch.int16 if length < 1 << 15 else torch.int32
            where_BV = torch.zeros(batch, vocab, dtype=place, device=hidden_BLD.device)
        step = max(1, LOGITS_AT_ONCE.get(device, 1 << 23) // (batch * length))
        # One buffer for all slices: on a CPU fresh memory for each takes a noticeable part of the time.
        buffer = torch.empty(batch * length * min(step, vocab), dtype=compute, device=hidden_BLD.device)
        with torch.autocast(device, enabled=False):
            for start in range(0, vocab, step):
                part = slice(start, min(start + step, vocab))
                rows_vD = weight_VD[part].to(compute)
                out_Nv = buffer[: batch * length * len(rows_vD)].view(batch * length, -1)
                logits_BLv = torch.mm(states_ND, rows_vD.T, out=out_Nv).view(batch, length, -1)
                _maxima(logits_BLv, bias_V[part], best_BV[:, part], None if where_BV is None else where_BV[:, part])
        weights_BV = best_BV.relu_().log1p_()
        ctx.save_for_backward(states_BLD, weight_VD, weights_BV, where_BV, mask_BL)
        ctx.hidden_dtype = hidden_BLD.dtype
        return weights_BV

    @staticmethod
    def backward(ctx, grad_BV: Tensor):
        states_BLD, weight_VD, weights_BV, where_BV, mask_BL = ctx.saved_tensors
        batch, length, width = states_BLD.shape
        needs_hidden, _, needs_weight, needs_bias, _ = ctx.needs_input_grad
        # d log1p(m) / dm = 1 / (1 + m) = exp(-weight), where m is positive; elsewhere relu stops it.
        grad_max_BV = grad_BV * torch.exp(-weights_BV) * (weights_BV > 0)
        text_P, piece_P = grad_max_BV.nonzero(as_tuple=True)
        grad_P = grad_max_BV[text_P, piece_P]
        position_P = where_BV[text_P, piece_P].long()
        # Where a padded copy tied with the position it copies, the gradient belongs to the original.
        first_B = mask_BL.bool().int().argmax(dim=1)
        position_P = torch.where(mask_BL.bool()[text_P, position_P], position_P, first_B[text_P])
        row_P = text_P * length + position_P

        states_ND = states_BLD.reshape(batch * length, width)
        grad_ND = torch.zeros(batch * length, width, dtype=grad_P.dtype, device=grad_P.device) if needs_hidden else None
        grad_VD = torch.zeros(weight_VD.shape, dtype=grad_P.dtype, device=grad_P.device) if needs_weight else None
        for start in range(0, len(grad_P), PAIRS_AT_ONCE):
            part = slice(start, start + PAIRS_AT_ONCE)
            grad_p1 = grad_P[part].unsqueeze(1)
            if needs_hidden:
                grad_ND.index_add_(0, row_P[part], grad_p1 * weight_VD[piece_P[part]])
            if needs_weight:
                grad_VD.index_add_(0, piece_P[part], grad_p1 * states_ND[row_P[part]])
        return (
            grad_ND.view(batch, length, width).to(ctx.hidden_dtype) if needs_hidden else None,
            None,
            grad_VD.to(weight_VD.dtype) if needs_weight else None,
            grad_max_BV.sum(0) if needs_bias else None,
            None,
        )


def _maxima(logits_BLv: Tensor, bias_v: Tensor, best_Bv: Tensor, where_Bv: Tensor | None) -> None:
    """Write the maxima over positions, bias added, and where that is positive its position, into the last two."""
    # The bias is the same at every position, so it commutes with the maximum.
    if where_Bv is None:
        torch.add(logits_BLv.amax(dim=1), bias_v, out=best_Bv)
    elif logits_BLv.is_cpu:
        # A CPU finds maxima by vector instructions, but their places one by one: only those that backward reads.
        torch.add(logits_BLv.amax(dim=1), bias_v, out=best_Bv)
        text_P, piece_P = (best_Bv > 0).nonzero(as_tuple=True)
        where_Bv[text_P, piece_P] = logits_BLv[text_P, :, piece_P].argmax(dim=1).to(where_Bv.dtype)
    else:
        found_Bv, places_Bv = logits_BLv.max(dim=1)
        torch.add(found_Bv, bias_v, out=best_Bv)
        where_Bv.copy_(places_Bv)
