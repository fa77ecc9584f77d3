"""The optimizer against torch's own: AdamW on dense gradients, SparseAdam on rows, clipping of both."""

import re

import pytest
import torch
from tiny_models import tiny_config
from torch import nn
from transformers import AutoModelForMaskedLM, BertConfig, ModernBertConfig, XLMRobertaConfig

from kosplade.model import SparseEncoder
from kosplade.training.optimizer import (
    RowAdamW,
    clip_gradients,
    freeze_lower_layers,
    prepare_embeddings,
    touched_rows,
)

# torch says so of every sparse tensor made by hand.
pytestmark = pytest.mark.filterwarnings("ignore:Sparse invariant checks")
D = torch.float64
V, WIDTH = 7, 3
SETTINGS = {"lr": 0.1, "betas": (0.9, 0.999), "eps": 1e-8}
# The rows that each step touches: some again, some once, row 6 never.
STEPS = ([0, 2], [2, 3, 5], [0], [1, 2, 3, 4, 5], [4, 0])


def numbers(*shape, seed=0) -> torch.Tensor:
    return torch.randn(*shape, dtype=D, generator=torch.Generator().manual_seed(seed))


def table() -> nn.Parameter:
    return nn.Parameter(numbers(V, WIDTH))


def row_gradient(rows, seed, *, sparse=True) -> torch.Tensor:
    values = numbers(len(rows), WIDTH, seed=seed)
    if sparse:
        return torch.sparse_coo_tensor(torch.tensor([rows]), values, (V, WIDTH))
    return torch.zeros(V, WIDTH, dtype=D).index_copy(0, torch.tensor(rows), values)


def row_optimizer(parameter, **changes) -> RowAdamW:
    return RowAdamW([{"params": [parameter], "rows": True}], **({**SETTINGS, "weight_decay": 0.0} | changes))


def step_with(optimizer, parameter, gradient) -> None:
    parameter.grad = gradient
    optimizer.step()


def close(actual, expected) -> None:
    torch.testing.assert_close(actual, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("weight_decay", [0.0, 0.3])
def test_with_every_row_touched_it_is_adamw(weight_decay, fused):
    mine, theirs = table(), table()
    rows = row_optimizer(mine, weight_decay=weight_decay, fused=fused)
    adamw = torch.optim.AdamW([theirs], **SETTINGS, weight_decay=weight_decay)
    for seed in range(1, 8):
        gradient = numbers(V, WIDTH, seed=seed)
        step_with(rows, mine, gradient.clone())
        step_with(adamw, theirs, gradient.clone())
        close(mine, theirs)
    assert (mine != table()).all()


def test_two_steps_by_hand():
    parameter = nn.Parameter(torch.tensor([[1.0], [2.0]], dtype=D))
    optimizer = row_optimizer(parameter, lr=0.1, betas=(0.5, 0.75), eps=0.5, weight_decay=1.0)
    step_with(optimizer, parameter, torch.sparse_coo_tensor([[0]], torch.tensor([[2.0]], dtype=D), (2, 1)))
    # Decay: 1 * (1 - .1) = .9. Moments (1 - .5) * 2 = 1 and (1 - .75) * 4 = 1; unbiased 1 / .5 = 2 and 1 / .25 = 4.
    # .9 - .1 * 2 / (sqrt(4) + .5) = .82
    close(parameter, torch.tensor([[0.82], [2.0]], dtype=D))
    step_with(optimizer, parameter, torch.sparse_coo_tensor([[0]], torch.tensor([[-1.0]], dtype=D), (2, 1)))
    # .82 * .9 = .738. Moments .5 * 1 - .5 = 0 and .75 * 1 + .25 = 1: the row stays there.
    close(parameter, torch.tensor([[0.738], [2.0]], dtype=D))


@pytest.mark.parametrize("sparse", [True, False])
def test_untouched_rows_and_their_moments_stay(sparse):
    parameter = table()
    optimizer = row_optimizer(parameter, weight_decay=0.3)
    step_with(optimizer, parameter, row_gradient(range(V), 9, sparse=sparse))  # every row has moments
    for seed, rows in enumerate(STEPS):
        moments = [optimizer.state[parameter][name] for name in ("exp_avg", "exp_avg_sq")]
        before = [tensor.detach().clone() for tensor in (parameter, *moments)]
        step_with(optimizer, parameter, row_gradient(rows, seed, sparse=sparse))
        assert parameter.grad is None
        for old, new in zip(before, (parameter, *moments), strict=True):
            moved = (old != new).all(dim=1)
            assert moved.nonzero().squeeze(1).tolist() == sorted(rows)
            assert torch.equal(old[~moved], new[~moved])


@pytest.mark.parametrize("at_once", [1, 4, V])
def test_touched_rows_of_a_gradient(monkeypatch, at_once):
    monkeypatch.setattr("kosplade.training.optimizer.ROWS_AT_ONCE", at_once)
    # Row 4 comes twice and adds up, row 2 cancels out, row 1 is zero.
    gradient = torch.sparse_coo_tensor(
        [[4, 2, 0, 4, 1, 2]], torch.tensor([[1.0, 2], [3, 3], [0, 5], [2, 2], [0, 0], [-3, -3]]), (V, 2)
    )
    for form in (gradient, gradient.to_dense()):
        rows, values = (torch.cat(parts) for parts in zip(*touched_rows(form), strict=True))
        assert rows.dtype == torch.int64
        assert rows.tolist() == [0, 4]
        assert values.tolist() == [[0, 5], [3, 4]]


def test_a_saved_state_goes_on_identically(tmp_path):
    parameters = [table(), nn.Parameter(numbers(4))]

    def build(parameters):
        groups = [{"params": parameters[:1], "rows": True}, {"params": parameters[1:], "lr": 0.3}]
        return RowAdamW(groups, **SETTINGS, weight_decay=0.3, fused=True)

    def run(optimizer, parameters, steps):
        for seed in steps:
            parameters[1].grad = numbers(4, seed=seed)
            step_with(optimizer, parameters[0], row_gradient(STEPS[seed], seed))

    optimizer = build(parameters)
    run(optimizer, parameters, range(3))
    again = [nn.Parameter(parameter.detach().clone()) for parameter in parameters]
    torch.save(optimizer.state_dict(), tmp_path / "optimizer.pt")
    resumed = build(again)
    resumed.load_state_dict(torch.load(tmp_path / "optimizer.pt", weights_only=True))
    assert [group.get("rows") for group in resumed.param_groups] == [True, None]
    run(optimizer, parameters, range(3, 5))
    run(resumed, again, range(3, 5))
    assert all(torch.equal(a, b) for a, b in zip(parameters, again, strict=True))
    assert optimizer.state[parameters[0]]["step"] == resumed.state[again[0]]["step"] == 5


@pytest.mark.parametrize("limit", [0.5, 100.0])
def test_clipping_is_torchs_also_for_rows(limit):
    models = [nn.ParameterList([table(), nn.Parameter(numbers(4)), nn.Parameter(numbers(2))]) for _ in range(3)]
    # Row 5 comes in two parts, as two uses of a parameter leave it.
    parts = torch.sparse_coo_tensor([[5, 1, 5]], numbers(3, WIDTH, seed=3), (V, WIDTH))
    for model in models:
        model[0].grad = parts.clone() if model is models[0] else parts.to_dense()
        model[1].grad = numbers(4, seed=4)
    norms = [clip_gradients(models[0], limit), clip_gradients(models[1], limit)]
    norms.append(torch.nn.utils.clip_grad_norm_(models[2].parameters(), limit))
    close(norms[0], norms[2])
    assert norms[1] == norms[2] > 2
    assert models[0][0].grad.is_sparse
    for place in (0, 1):
        close(models[0][place].grad.to_dense(), models[2][place].grad)
        assert torch.equal(models[1][place].grad, models[2][place].grad)
    assert models[0][2].grad is None


@pytest.mark.parametrize("kind", [BertConfig, XLMRobertaConfig, ModernBertConfig])
@pytest.mark.parametrize(("trained", "layers"), [(1, {2}), (2, {1, 2}), (3, {0, 1, 2}), (9, {0, 1, 2})])
def test_a_step_goes_back_through_the_upper_layers_only(kind, trained, layers):
    encoder = SparseEncoder(AutoModelForMaskedLM.from_config(tiny_config(kind, num_hidden_layers=3)))
    prepare_embeddings(encoder, is_trained=False)
    freeze_lower_layers(encoder, trained)
    ids_BL = torch.tensor([[5, 6, 7]])
    encoder(ids_BL, torch.ones_like(ids_BL)).sum().backward()
    moved = {name for name, parameter in encoder.named_parameters() if parameter.grad is not None}
    assert {int(found[1]) for name in moved if (found := re.search(r"layers?\.(\d+)\.", name))} == layers
    assert any("embeddings" in name for name in moved) == (len(layers) == 3)
