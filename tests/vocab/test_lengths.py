"""How long a text an encoder reads: by its configuration, and by what its layers then do."""

import pytest
import torch
from tiny_models import tiny_config
from transformers import (
    BertConfig,
    BertModel,
    CamembertConfig,
    DebertaV2Config,
    ModernBertConfig,
    XLMRobertaConfig,
    XLMRobertaModel,
)

from kosplade.errors import UserError
from kosplade.vocab.lengths import check_length, readable_pieces


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (BertConfig(), 512),
        (XLMRobertaConfig(max_position_embeddings=514), 512),
        (CamembertConfig(max_position_embeddings=514), 512),
        (ModernBertConfig(), 8192),
        (DebertaV2Config(position_biased_input=False), None),
    ],
)
def test_the_limit_of_a_configuration(config, expected):
    assert readable_pieces(config) == expected


@pytest.mark.parametrize(
    "encoder",
    [
        BertModel(tiny_config(max_position_embeddings=12)),
        XLMRobertaModel(tiny_config(XLMRobertaConfig, max_position_embeddings=14)),
    ],
)
def test_one_piece_more_than_the_limit_fails(encoder):
    limit = readable_pieces(encoder.config)
    assert limit == 12
    assert encoder(torch.full((1, limit), 5)).last_hidden_state.shape == (1, limit, 8)
    with pytest.raises((IndexError, RuntimeError)):
        encoder(torch.full((1, limit + 1), 5))


def test_longer_texts_are_refused_with_the_option_to_lower():
    check_length(BertConfig(), 512, "model.max_document_length")
    with pytest.raises(UserError, match=r"at most 512 pieces\. Lower model\.max_document_length\."):
        check_length(BertConfig(), 513, "model.max_document_length")
