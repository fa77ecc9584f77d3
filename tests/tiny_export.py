"""A small random XLM-R exported as the stage `convert` does, for the tests of what reads an export."""

from pathlib import Path

import torch
from tiny_models import tiny_config
from transformers import PreTrainedTokenizerBase, XLMRobertaConfig, XLMRobertaForMaskedLM

from kosplade.export.huggingface import write_folder
from kosplade.model import Counting, SparseEncoder

HIDDEN = [0, 1, 2, 3, 4, 7]  # the special pieces of `word_tokenizer` and w7
HIDDEN_V = torch.isin(torch.arange(40), torch.tensor(HIDDEN))
WEIGHT_V = torch.where(HIDDEN_V, 0.0, torch.arange(40) / 10)  # the IDF of piece i is i / 10
EXPANDABLE_V = torch.arange(40) != 39
HYBRID_WEIGHT = {"inference_free": 0.7, "encoded": 0.4}
COUNTING = Counting(k1=0.9, b=0.4, mean_length=8.0, floor_per_idf=0.25, query_idf=2.0)


def write_tiny_export(
    folder: Path, tokenizer: PreTrainedTokenizerBase, seed: int = 0, positions: int = 40
) -> SparseEncoder:
    """Write a model of 40 pieces, which reads `positions` - 2, into a new folder; the encoder as before masking."""
    torch.manual_seed(seed)
    config = tiny_config(XLMRobertaConfig, max_position_embeddings=positions, initializer_range=0.5)
    encoder = SparseEncoder(XLMRobertaForMaskedLM(config).eval())
    folder.mkdir()
    write_folder(encoder, tokenizer, HIDDEN_V, WEIGHT_V, EXPANDABLE_V, COUNTING, HYBRID_WEIGHT, folder)
    return encoder
