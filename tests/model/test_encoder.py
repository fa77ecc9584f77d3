"""A batch of mixed lengths: texts go by length, a few at a time, and come back in their order."""

import pytest
import torch
from tiny_models import tiny_config
from transformers import XLMRobertaConfig, XLMRobertaForMaskedLM

from kosplade.model import SparseEncoder
from kosplade.model.encoder import TRAINED_AT_ONCE

LENGTHS = [5, 12, 3, 9, 12, 4, 7, 3, 11, 6, 8]
PIECES_P = torch.tensor([5, 9, 30])


@pytest.fixture
def encoder() -> SparseEncoder:
    torch.manual_seed(0)
    config = tiny_config(
        XLMRobertaConfig, initializer_range=0.5, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0
    )
    return SparseEncoder(XLMRobertaForMaskedLM(config))


@pytest.fixture(params=["right", "left"])
def batch(request) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids and mask [11, 12], padded at either side."""
    generator = torch.Generator().manual_seed(1)
    ids, mask = torch.ones(len(LENGTHS), 12, dtype=torch.int64), torch.zeros(len(LENGTHS), 12, dtype=torch.int64)
    for row, length in enumerate(LENGTHS):
        place = slice(0, length) if request.param == "right" else slice(12 - length, 12)
        ids[row, place] = torch.randint(4, 40, (length,), generator=generator)
        mask[row, place] = 1
    return ids, mask


@pytest.mark.parametrize("pieces_P", [None, PIECES_P])
def test_weights_and_gradients_are_those_of_each_text_alone(encoder, batch, pieces_P):
    ids, mask = batch
    assert len(ids) > TRAINED_AT_ONCE
    together = encoder(ids, mask, pieces_P)
    together.square().sum().backward()
    found = [parameter.grad.clone() for parameter in encoder.parameters() if parameter.grad is not None]
    encoder.zero_grad()
    alone = torch.cat(
        [encoder(ids[row, None, mask[row] > 0], mask[row, None, mask[row] > 0], pieces_P) for row in range(11)]
    )
    alone.square().sum().backward()
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)
    with torch.inference_mode():  # all at once
        torch.testing.assert_close(encoder(ids, mask, pieces_P), alone, rtol=1e-4, atol=1e-5)
    expected = [parameter.grad for parameter in encoder.parameters() if parameter.grad is not None]
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)
