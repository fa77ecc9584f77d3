"""AdamW as this training needs it: a rate of its own for the decoder's bias, and embeddings updated row by row."""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn

from kosplade.model import SparseEncoder
from kosplade.params import TrainParams
from kosplade.training import processes

ROWS_AT_ONCE = 1 << 13  # rows of an embedding updated at once: what an update needs beside the moments stays small


class RowAdamW(torch.optim.AdamW):
    """AdamW (Loshchilov and Hutter 2019) that, in groups with `rows`, updates only rows with a gradient.

    Neither the weights nor the moments of another row move, as in torch's SparseAdam: a step costs what it touches, not
    the 96 million numbers of a 250,002-piece embedding. The gradient of such a parameter may be sparse or dense.
    Entries that `hasten` names move `pace` times as far as AdamW moves them.
    """

    _hastened: tuple[Tensor, Tensor, float] | None = None

    def hasten(self, parameter_V: Tensor, silent_V: Tensor, pace: float) -> None:
        """Let the entries `silent_V` (bool [V]) of a parameter [V] move `pace` times as far."""
        self._hastened = parameter_V, silent_V.to(parameter_V.device), pace

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for parameter in group["params"] if group.get("rows") else ():
                if parameter.grad is not None:
                    self._step_rows(parameter, group)
                    parameter.grad = None
        if self._hastened is None:
            return super().step(closure)
        parameter_V, silent_V, pace = self._hastened
        before_S = parameter_V[silent_V]
        loss = super().step(closure)
        parameter_V[silent_V] = before_S + pace * (parameter_V[silent_V] - before_S)
        return loss

    def _step_rows(self, parameter: Tensor, group: dict) -> None:
        state = self.state[parameter]
        if not state:
            state["step"] = torch.zeros(())
            state["exp_avg"] = torch.zeros_like(parameter)
            state["exp_avg_sq"] = torch.zeros_like(parameter)
        state["step"] += 1
        step, (beta1, beta2) = state["step"].item(), group["betas"]
        for rows_R, gradient_RD in touched_rows(parameter.grad):
            mean_RD = state["exp_avg"][rows_R].lerp_(gradient_RD, 1 - beta1)
            square_RD = state["exp_avg_sq"][rows_R].mul_(beta2).addcmul_(gradient_RD, gradient_RD, value=1 - beta2)
            state["exp_avg"][rows_R], state["exp_avg_sq"][rows_R] = mean_RD, square_RD
            scale_RD = (square_RD / (1 - beta2**step)).sqrt_().add_(group["eps"])
            weight_RD = parameter[rows_R].mul_(1 - group["lr"] * group["weight_decay"])
            parameter[rows_R] = weight_RD.addcdiv_(mean_RD, scale_RD, value=-group["lr"] / (1 - beta1**step))


def touched_rows(gradient_VD: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """(rows [R] int64, their gradient [R, D]) of a sparse or dense gradient, some at a time, rows of zeros left out."""
    rows_N, values_ND = None, gradient_VD
    if gradient_VD.is_sparse:
        gradient_VD = gradient_VD.coalesce()
        rows_N, values_ND = gradient_VD.indices()[0], gradient_VD.values()
    for start in range(0, len(values_ND), ROWS_AT_ONCE):
        values_RD = values_ND[start : start + ROWS_AT_ONCE]
        places_R = values_RD.any(dim=1).nonzero().squeeze(1)
        rows_R = places_R + start if rows_N is None else rows_N[places_R + start]
        yield rows_R, values_RD[places_R]


def prepare_embeddings(encoder: SparseEncoder, is_trained: bool) -> None:
    """Freeze the word embeddings and the decoder tied to them, or let them move by the rows that a step touches.

    Several processes add up dense gradients: not every backend can add sparse ones.
    """
    for parameter in (encoder.mlm.get_input_embeddings().weight, encoder.decoder.weight):
        parameter.requires_grad_(is_trained)
    if is_trained and processes.count() == 1:
        encoder.use_row_gradients()


def freeze_lower_layers(encoder: SparseEncoder, trained: int) -> None:
    """Leave all but the uppermost `trained` layers as they are, and what lies below them: a step goes back no further.

    The word embeddings are `prepare_embeddings`' matter.
    """
    base, count = encoder.mlm.base_model, encoder.mlm.config.num_hidden_layers
    layers = next(one for one in base.modules() if isinstance(one, nn.ModuleList) and len(one) == count)
    words = encoder.mlm.get_input_embeddings().weight
    if trained < count:
        for module in (base.embeddings, *layers[: count - trained]):
            for parameter in module.parameters():
                if parameter is not words:
                    parameter.requires_grad_(False)


def share_bias_gradient(encoder: SparseEncoder, groups: Iterable[Tensor]) -> None:
    """Let the decoder biases of a group (bool [V]) all get the mean of the group's gradients: they move together.

    For pieces that are to fall silent. FLOPS reaches a piece only in steps in which it is active: a rare stopword, or a
    foreign piece that is seldom sampled, would outlast a short training; pulled by the group it does not.
    """
    groups = [group_V.to(encoder.decoder.bias.device) for group_V in groups]

    def hook(gradient_V: Tensor) -> Tensor:
        shared_V = gradient_V.clone()
        for group_V in groups:
            shared_V[group_V] = gradient_V[group_V].mean()
        return shared_V

    encoder.decoder.bias.register_hook(hook)


def build_optimizer(
    encoder: SparseEncoder,
    silent_V: Tensor,
    recipe: TrainParams,
) -> RowAdamW:
    """Groups: matrices decay; word embeddings decay row by row; norms and biases do not; the decoder's bias apart.

    That bias is one number a piece and Adam moves it by the rate each step: with the rate of the matrices it would
    hardly move within a short training. A short memory of squared gradients (`bias_beta2`) lets it follow FLOPS to the
    end: with 0.999 the large gradients of the first steps would slow it down for a thousand. The biases of `silent_V`
    (bool [V]) move `silent_pace` times as far: a masked piece starts as loud as any, and has the longest way to go.
    """
    bias = encoder.decoder.bias
    wide = {id(encoder.mlm.get_input_embeddings().weight), id(encoder.decoder.weight)}
    trained = [p for p in encoder.parameters() if p.requires_grad and p is not bias]
    groups = [
        {"params": [p for p in trained if p.ndim > 1 and id(p) not in wide], "weight_decay": recipe.weight_decay},
        {"params": [p for p in trained if p.ndim == 1], "weight_decay": 0.0},
        {"params": [bias], "weight_decay": 0.0, "lr": recipe.bias_learning_rate, "betas": (0.9, recipe.bias_beta2)},
        {"params": [p for p in trained if id(p) in wide], "weight_decay": recipe.weight_decay, "rows": True},
    ]
    groups = [group for group in groups if group["params"]]
    optimizer = RowAdamW(groups, lr=recipe.learning_rate, betas=(0.9, 0.999), eps=1e-8, fused=True)
    optimizer.hasten(bias, silent_V, recipe.silent_pace)
    return optimizer


@torch.no_grad()
def clip_gradients(model: nn.Module, limit: float) -> Tensor:
    """Scale all gradients, sparse ones too, to a common norm of at most `limit`; return the norm before, a scalar.

    torch's own clipping refuses sparse gradients.
    """
    values = []
    for parameter in model.parameters():
        if parameter.grad is not None:
            if parameter.grad.is_sparse:
                parameter.grad = parameter.grad.coalesce()
            values.append(parameter.grad.values() if parameter.grad.is_sparse else parameter.grad)
    norm = nn.utils.get_total_norm(values)
    for value in values:
        value.mul_((limit / (norm + 1e-6)).clamp(max=1.0))
    return norm
