"""A masked-language model read as a sparse encoder: one non-negative weight for each piece of the vocabulary."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from scipy.sparse import csr_matrix, vstack
from torch import Tensor, nn
from transformers import AutoModelForMaskedLM, PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

from kosplade.errors import UserError
from kosplade.model.head import max_pool_head
from kosplade.model.occurrences import Occurrences
from kosplade.vocab.batching import padded_batches

# Texts of a training batch on a CPU: fewer waste less on padding, more make better use of the cores.
TRAINED_AT_ONCE = 8


class SparseEncoder(nn.Module):
    """Any transformers masked-language model whose last step is a linear decoder over the vocabulary.

    `weights = log(1 + relu(max over positions of the MLM logits))` (SPLADE-max). The decoder is taken out of the model,
    so that the logits are only ever computed in slices by `max_pool_head`. `encode` computes in `dtype`; weights stay
    float32.
    """

    dtype = torch.float32

    def __init__(self, mlm: PreTrainedModel):
        super().__init__()
        decoder = mlm.get_output_embeddings()
        if not isinstance(decoder, nn.Linear) or decoder.bias is None:
            raise UserError(
                f"model.name: {type(mlm).__name__} has no linear MLM decoder with a bias. Choose another model."
            )
        self.mlm = mlm
        self.decoder = decoder
        self._slot = next(name for name, module in mlm.named_modules() if module is decoder)
        self.mlm.set_submodule(self._slot, nn.Identity())
        self._row_gradients = False

    @classmethod
    def load(cls, folder: str | Path) -> "SparseEncoder":
        """Load a folder that `AutoModelForMaskedLM` reads, float32."""
        return cls(AutoModelForMaskedLM.from_pretrained(str(folder), dtype=torch.float32, trust_remote_code=False))

    def to_fastest(self) -> "SparseEncoder":
        """Move to a GPU, if there is one; return self."""
        return self.to("cuda" if torch.cuda.is_available() else "cpu")

    @property
    def config(self) -> PretrainedConfig:
        """Of the transformers model."""
        return self.mlm.config

    @property
    def vocab_size(self) -> int:
        return self.decoder.weight.shape[0]

    def use_row_gradients(self) -> None:
        """Let the word embeddings get sparse gradients: of the pieces read and computed, not of the vocabulary."""
        self.mlm.get_input_embeddings().sparse = True
        self._row_gradients = True

    def forward(self, input_ids_BL: Tensor, attention_mask_BL: Tensor, pieces_P: Tensor | None = None) -> Tensor:
        """Raw weights (nothing masked) of all pieces [B, V], or of `pieces_P` (distinct ids, int64, rising) [B, P]."""
        weight_VD, bias_V = self.decoder.weight, self.decoder.bias
        if pieces_P is not None and len(pieces_P) < self.vocab_size:
            weight_VD, bias_V = F.embedding(pieces_P, weight_VD, sparse=self._row_gradients), bias_V[pieces_P]
        order_B = attention_mask_BL.sum(1).argsort(stable=True)
        # On a CPU padding costs as much as text, so texts of similar length go together. A GPU takes a training batch
        # at once, and what `encode` gives is alike already.
        is_split = input_ids_BL.is_cpu and torch.is_grad_enabled()
        groups = order_B.split(TRAINED_AT_ONCE if is_split else len(order_B))
        parts = []
        for rows in groups:
            is_used_L = attention_mask_BL[rows].any(0)
            ids_bl, mask_bl = input_ids_BL[rows][:, is_used_L], attention_mask_BL[rows][:, is_used_L]
            hidden_blD = self.mlm(input_ids=ids_bl, attention_mask=mask_bl).logits
            parts.append(max_pool_head(hidden_blD, mask_bl, weight_VD, bias_V))
        return torch.cat(parts)[order_B.argsort()]

    @contextmanager
    def whole(self) -> Iterator[PreTrainedModel]:
        """The transformers model with its decoder back in place, for saving."""
        self.mlm.set_submodule(self._slot, self.decoder)
        try:
            yield self.mlm
        finally:
            self.mlm.set_submodule(self._slot, nn.Identity())

    def encode(
        self,
        texts: Sequence[str],
        tokenizer: PreTrainedTokenizerBase,
        *,
        max_length: int,
        occurrences: Occurrences | None = None,
        pieces_P: Tensor | None = None,
        label: str = "encode",
    ) -> csr_matrix:
        """Raw weights of `texts` in order: float32 CSR [N, V], non-zero only at `pieces_P` where that is given.

        `occurrences` is for documents: without it the weights are those of the pooled head, as queries have them. Texts
        of similar length share a batch. Memory stays flat: each batch becomes sparse at once. `label` names the
        progress bar.
        """
        device = self.decoder.weight.device
        occurrences = None if occurrences is None else occurrences.to(device)
        columns = np.arange(self.vocab_size) if pieces_P is None else pieces_P.cpu().numpy()
        pieces_P = None if pieces_P is None else pieces_P.to(device)
        batches = padded_batches(texts, tokenizer, max_length=max_length, device=device, label=label)
        places, blocks = [], []
        self.eval()
        with torch.inference_mode(), torch.autocast(device.type, self.dtype, enabled=self.dtype != torch.float32):
            for rows, batch in batches:
                ids_BL, mask_BL = batch["input_ids"], batch["attention_mask"]
                weights_BP = self(ids_BL, mask_BL, pieces_P).float()
                if occurrences is not None:
                    weights_BP = occurrences(weights_BP, ids_BL, mask_BL, pieces_P)
                weights_BP = weights_BP.cpu()
                text_P, column_P = weights_BP.nonzero(as_tuple=True)
                places.append(rows)
                blocks.append(
                    csr_matrix(
                        (weights_BP[text_P, column_P].numpy(), (text_P.numpy(), columns[column_P.numpy()])),
                        shape=(len(weights_BP), self.vocab_size),
                    )
                )
        return vstack(blocks, format="csr")[np.argsort(np.concatenate(places))]
