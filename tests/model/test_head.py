"""The head equals the plain definition in value and gradient, and never builds [batch, length, vocabulary]."""

import pytest
import torch

from kosplade.model import head
from kosplade.model.head import max_pool_head


def plain(hidden_BLD, mask_BL, weight_VD, bias_V):
    logits_BLV = hidden_BLD @ weight_VD.T + bias_V
    logits_BLV = logits_BLV.masked_fill(~mask_BL.bool().unsqueeze(-1), -torch.inf)
    return torch.log1p(torch.relu(logits_BLV.amax(dim=1)))


DEVICES = [
    "cpu",
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")),
]


def problem(batch=3, length=5, width=4, vocab=11, dtype=torch.float64):
    torch.manual_seed(0)
    hidden = torch.randn(batch, length, width, dtype=dtype, requires_grad=True)
    weight = torch.randn(vocab, width, dtype=dtype, requires_grad=True)
    bias = torch.randn(vocab, dtype=dtype, requires_grad=True)
    mask = torch.ones(batch, length, dtype=torch.long)
    mask[1, 3:] = 0
    mask[2, :2] = 0  # left padding
    return hidden, mask, weight, bias


def test_hand_computed_value():
    # One text, two positions, one piece: logits 1*2+0.5 = 2.5 and 3*2+0.5 = 6.5; log(1 + 6.5) = 2.0149.
    hidden = torch.tensor([[[1.0], [3.0]]])
    weights = max_pool_head(hidden, torch.ones(1, 2), torch.tensor([[2.0]]), torch.tensor([0.5]))
    assert weights.item() == pytest.approx(2.014903, abs=1e-6)


def test_equals_the_plain_definition_for_any_slicing(monkeypatch):
    hidden, mask, weight, bias = problem()
    expected = plain(hidden, mask, weight, bias)
    for logits_at_once in (1, 40, 1 << 20):
        monkeypatch.setitem(head.LOGITS_AT_ONCE, "cpu", logits_at_once)
        torch.testing.assert_close(max_pool_head(hidden, mask, weight, bias), expected, rtol=1e-12, atol=1e-12)


def test_without_gradients_the_value_is_the_same():
    inputs = problem()
    with torch.inference_mode():
        weights = max_pool_head(*inputs)
    assert torch.equal(weights, max_pool_head(*inputs).detach())


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("logits_at_once", [30, 1 << 20])
def test_gradients_equal_autograd_of_the_plain_definition(monkeypatch, device, logits_at_once):
    monkeypatch.setattr(head, "PAIRS_AT_ONCE", 7)
    monkeypatch.setitem(head.LOGITS_AT_ONCE, device, logits_at_once)
    inputs = [one.to(device).detach().requires_grad_(one.requires_grad) for one in problem()]
    upstream = torch.randn(3, 11, dtype=torch.float64, device=device)
    leaves = [inputs[0], inputs[2], inputs[3]]
    expected = torch.autograd.grad((plain(*inputs) * upstream).sum(), leaves)
    actual = torch.autograd.grad((max_pool_head(*inputs) * upstream).sum(), leaves)
    for ours, theirs in zip(actual, expected, strict=True):
        assert theirs.abs().sum() > 0
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


def test_gradcheck():
    hidden, mask, weight, bias = problem(vocab=6)
    assert torch.autograd.gradcheck(lambda h, w, b: max_pool_head(h, mask, w, b), (hidden, weight, bias))


def test_padding_never_wins_and_gets_no_gradient():
    hidden, mask, weight, bias = problem()
    with torch.no_grad():
        hidden[1, 3:] = 1e6
    max_pool_head(hidden, mask, weight, bias).sum().backward()
    assert hidden.grad[1, 3:].abs().sum() == 0
    assert hidden.grad[1, :3].abs().sum() > 0


def test_bf16_autocast_is_close_to_fp32():
    hidden, mask, weight, bias = (x.float() if x.is_floating_point() else x for x in problem())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        weights = max_pool_head(hidden, mask, weight, bias)
    assert weights.dtype == torch.float32
    torch.testing.assert_close(weights, plain(hidden, mask, weight, bias), rtol=0.03, atol=0.03)


def test_frozen_inputs_get_no_gradient():
    hidden, mask, weight, bias = problem()
    weight = weight.detach()
    max_pool_head(hidden, mask, weight, bias).sum().backward()
    assert weight.grad is None
    assert hidden.grad is not None
    assert bias.grad is not None
