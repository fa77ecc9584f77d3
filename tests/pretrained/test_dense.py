"""Dense vectors: pooling, order; exact search in them."""

import copy
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tiny_models import tiny_config
from transformers import BertModel

from kosplade.errors import UserError
from kosplade.params import load_params
from kosplade.pretrained.dense import DenseEncoder

TEXTS = ["w5 w6 w7", "w8", "w9 w10 w11 w12 w13 w14", "w15 w16"]


@pytest.fixture(scope="module")
def encoder():
    torch.manual_seed(0)
    return BertModel(tiny_config(initializer_range=0.5), add_pooling_layer=False).eval()


def encode(encoder, tokenizer, pooling="mean", texts=TEXTS, max_length=16):
    dense = object.__new__(DenseEncoder)
    changes = {"pooling": pooling, "max_length": max_length, "batch_size": 2, "document_prefix": ""}
    dense.settings = load_params().teacher.model_copy(update=changes)
    dense.encoder, dense.tokenizer = encoder, tokenizer
    return dense.documents(texts, "test")


def test_any_encoder_is_read_in_full_precision_and_within_its_positions(tmp_path, encoder, word_tokenizer):
    """bf16, in which large encoders come, is many times slower on most CPUs."""
    copy.deepcopy(encoder).to(torch.bfloat16).save_pretrained(tmp_path)
    word_tokenizer.save_pretrained(tmp_path)
    settings = load_params().teacher.model_copy(update={"name": str(tmp_path), "max_length": 16})
    dense = DenseEncoder(settings)
    assert dense.encoder.dtype == torch.float32
    assert dense.documents(TEXTS, "test").shape == (4, 8)
    with pytest.raises(UserError, match=r"^teacher\.max_length is 17; the model reads at most 16 pieces\. Lower "):
        DenseEncoder(settings.model_copy(update={"max_length": 17}))


class Positions(torch.nn.Module):
    """Gives the piece with id p the state (p, 1) wherever it stands, padding included."""

    config = SimpleNamespace(hidden_size=2)
    device = torch.device("cpu")

    def forward(self, ids_BL, mask_BL):
        return SimpleNamespace(last_hidden_state=torch.stack([ids_BL.float(), torch.ones(ids_BL.shape)], dim=2))


@pytest.mark.parametrize(
    ("pooling", "firsts"),
    [
        ("mean", [(0 + 5 + 6 + 7 + 2) / 5, (0 + 8 + 2) / 3]),  # <s> is 0, </s> 2; padding (1) is left out
        ("cls", [0.0, 0.0]),  # the state of <s>
    ],
)
def test_pooling_by_hand(word_tokenizer, pooling, firsts):
    vectors = encode(Positions(), word_tokenizer, pooling, TEXTS[:2])
    # (x, 1) divided by its length
    expected = [[x / (x * x + 1) ** 0.5, 1 / (x * x + 1) ** 0.5] for x in firsts]
    np.testing.assert_allclose(vectors, expected, rtol=1e-6)


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_the_order_is_that_of_the_texts_and_batches_do_not_matter(encoder, word_tokenizer, pooling):
    together = encode(encoder, word_tokenizer, pooling)
    alone = np.concatenate([encode(encoder, word_tokenizer, pooling, [text]) for text in TEXTS])
    assert (together.dtype, together.shape) == (np.float32, (4, 8))
    np.testing.assert_allclose(together, alone, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-6)
    # The texts differ, so the order shows.
    assert np.abs(together - together[0]).max(axis=1)[1:].min() > 0.01


def test_long_texts_are_cut(encoder, word_tokenizer):
    cut = encode(encoder, word_tokenizer, texts=["w9 w10 w11 w12"], max_length=4)
    np.testing.assert_allclose(cut, encode(encoder, word_tokenizer, texts=["w9 w10"]), atol=1e-6)
