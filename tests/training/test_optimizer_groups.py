"""The optimizer on a real model: its groups, embeddings that move row by row, biases that move together."""

import pytest
import torch
from objective_recipes import PARAMS

from kosplade.model import SparseEncoder
from kosplade.training.optimizer import build_optimizer, clip_gradients, prepare_embeddings, share_bias_gradient

NONE = torch.zeros(40, dtype=torch.bool)  # silent pieces
RECIPE = PARAMS.train.model_copy(
    update={
        "learning_rate": 0.01,
        "bias_learning_rate": 0.5,
        "weight_decay": 0.2,
        "bias_beta2": 0.95,
        "silent_pace": 2.0,
    }
)


def names_of(encoder, group) -> set[str]:
    return {name for name, p in encoder.named_parameters() if any(p is member for member in group["params"])}


@pytest.mark.parametrize("is_trained", [True, False])
def test_groups_of_a_real_model(tiny_mlm, is_trained):
    encoder = SparseEncoder(tiny_mlm())
    prepare_embeddings(encoder, is_trained)
    optimizer = build_optimizer(encoder, NONE, RECIPE)
    settings = [(g["lr"], g["weight_decay"], g["betas"], g.get("rows", False)) for g in optimizer.param_groups]
    assert settings == [
        (0.01, 0.2, (0.9, 0.999), False),
        (0.01, 0.0, (0.9, 0.999), False),
        (0.5, 0.0, (0.9, 0.95), False),
        *[(0.01, 0.2, (0.9, 0.999), True)] * is_trained,
    ]
    matrices, plain, bias, *rows = optimizer.param_groups
    assert all(p.ndim == 2 and len(p) != 40 for p in matrices["params"])
    assert all(name.endswith(("bias", "LayerNorm.weight")) for name in names_of(encoder, plain))
    assert [p is encoder.decoder.bias for p in bias["params"]] == [True]
    embeddings = encoder.mlm.get_input_embeddings().weight
    assert embeddings is encoder.decoder.weight
    assert embeddings.requires_grad == is_trained
    assert [[p is embeddings for p in group["params"]] for group in rows] == [[True]] * is_trained
    # Nothing is left out and nothing stands twice.
    members = [id(p) for group in optimizer.param_groups for p in group["params"]]
    assert sorted(members) == sorted(id(p) for p in encoder.parameters() if p.requires_grad)


# <s> 0, padding 1, </s> 2.
IDS = torch.tensor([[0, 5, 6, 2], [0, 7, 2, 1]])
PIECES = torch.tensor([0, 3, 6, 20, 21, 22, 23, 24, 25, 39])


def real_step(encoder, pieces) -> dict[str, torch.Tensor]:
    """One update of the encoder; the gradients, as dense tensors, after clipping."""
    optimizer = build_optimizer(encoder, NONE, RECIPE)
    encoder(IDS, (IDS != 1).long(), pieces).square().sum().backward()
    clip_gradients(encoder, 1.0)
    gradients = {name: p.grad.to_dense() for name, p in encoder.named_parameters() if p.grad is not None}
    optimizer.step()
    return gradients


def test_a_step_moves_the_rows_of_pieces_read_or_computed_only(tiny_mlm):
    encoder = SparseEncoder(tiny_mlm())
    prepare_embeddings(encoder, True)
    before = encoder.decoder.weight.detach().clone()
    with torch.no_grad():
        active = PIECES[(encoder(IDS, (IDS != 1).long(), PIECES) > 0).any(dim=0)].tolist()
    assert 0 < len(active) < len(PIECES)
    gradients = real_step(encoder, PIECES)
    moved = (encoder.decoder.weight != before).any(dim=1).nonzero().squeeze(1).tolist()
    # Read: all but padding. A computed piece that no text activates has no gradient.
    assert moved == sorted({0, 2, 5, 6, 7, *active})
    assert set(active) - {0, 2, 5, 6, 7}
    assert encoder.mlm.get_input_embeddings().weight is encoder.decoder.weight
    assert gradients.keys() == {name for name, _ in encoder.named_parameters()}
    with encoder.whole() as mlm:
        assert mlm.get_output_embeddings().weight is mlm.get_input_embeddings().weight


@pytest.mark.parametrize("pieces", [PIECES, None])
def test_row_gradients_are_those_of_a_dense_embedding(tiny_mlm, monkeypatch, pieces):
    """Two processes have dense gradients, one has rows: the step is the same."""
    rows, dense = (SparseEncoder(tiny_mlm().double()) for _ in range(2))
    prepare_embeddings(rows, True)
    monkeypatch.setenv("WORLD_SIZE", "2")
    prepare_embeddings(dense, True)
    assert not dense.mlm.get_input_embeddings().sparse
    expected = real_step(dense, pieces)
    actual = real_step(rows, pieces)
    for name, gradient in expected.items():
        torch.testing.assert_close(actual[name], gradient, rtol=1e-12, atol=1e-12)
    for mine, theirs in zip(rows.parameters(), dense.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-12, atol=1e-12)


def test_biases_of_a_group_share_their_gradient(tiny_mlm):
    encoder = SparseEncoder(tiny_mlm())
    groups = [torch.isin(torch.arange(40), torch.tensor(pieces)) for pieces in ([3, 4, 5, 6], [10, 39], [])]
    share_bias_gradient(encoder, groups)
    own_V = torch.arange(40.0) ** 2
    (encoder.decoder.bias * own_V).sum().backward()
    # (9 + 16 + 25 + 36) / 4 and (100 + 1521) / 2
    shared = dict.fromkeys([3, 4, 5, 6], 21.5) | dict.fromkeys([10, 39], 810.5)
    assert encoder.decoder.bias.grad.tolist() == [shared.get(piece, piece**2) for piece in range(40)]


def test_a_group_moves_together_though_one_of_it_is_active(tiny_mlm):
    encoder = SparseEncoder(tiny_mlm())
    share_bias_gradient(encoder, [torch.isin(torch.arange(40), torch.tensor([20, 33]))])
    with torch.no_grad():
        encoder.decoder.bias[20] = 9.0
    before = encoder.decoder.bias.detach().clone()
    real_step(encoder, torch.tensor([20, 21]))
    fell = (before - encoder.decoder.bias).tolist()
    # Adam's first step is the rate, whatever the gradient.
    assert fell[20] == pytest.approx(0.5, abs=1e-4)
    assert fell[33] == pytest.approx(0.5, abs=1e-4)
    assert not any(fell[:20] + fell[22:33] + fell[34:])


def test_biases_of_silent_pieces_move_twice_as_far(tiny_mlm):
    silent_V = torch.isin(torch.arange(40), torch.tensor([3, 20]))
    moved = []
    for silent in (NONE, silent_V):
        encoder = SparseEncoder(tiny_mlm())
        optimizer = build_optimizer(encoder, silent, RECIPE)
        before_V = encoder.decoder.bias.detach().clone()
        for _ in range(2):  # the second step's gradient is that of the first, so that the paths stay comparable
            encoder.decoder.bias.grad = torch.linspace(-1, 1, 40)
            optimizer.step()
        moved.append(encoder.decoder.bias.detach() - before_V)
    torch.testing.assert_close(moved[1][~silent_V], moved[0][~silent_V])
    torch.testing.assert_close(moved[1][silent_V], 2 * moved[0][silent_V])
    assert moved[0].abs().min() > 0.1
