"""A masked-language model of 40 pieces, as small as one can be."""

from collections.abc import Callable

import pytest
import torch
from tiny_models import tiny_config
from transformers import BertForMaskedLM


@pytest.fixture
def tiny_mlm() -> Callable[[], BertForMaskedLM]:
    """Makes equal models without dropout, whose pieces are active now and then."""

    def make() -> BertForMaskedLM:
        torch.manual_seed(0)
        no_dropout = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
        mlm = BertForMaskedLM(tiny_config(num_hidden_layers=2, initializer_range=0.4, **no_dropout))
        with torch.no_grad():
            mlm.get_output_embeddings().bias.normal_()
        return mlm

    return make
