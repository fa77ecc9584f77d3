"""A masked-language model of 40 pieces, as small as one can be."""

from collections.abc import Callable

import pytest
import torch
from transformers import BertConfig, BertForMaskedLM


@pytest.fixture
def tiny_mlm() -> Callable[[], BertForMaskedLM]:
    """Makes equal models without dropout, whose pieces are active now and then."""

    def make() -> BertForMaskedLM:
        torch.manual_seed(0)
        config = BertConfig(
            vocab_size=40,
            hidden_size=8,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=16,
            max_position_embeddings=16,
            initializer_range=0.4,
            pad_token_id=1,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
        )
        mlm = BertForMaskedLM(config)
        with torch.no_grad():
            mlm.get_output_embeddings().bias.normal_()
        return mlm

    return make
