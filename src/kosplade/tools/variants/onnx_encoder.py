"""A variant in ONNX, run."""

from pathlib import Path

import onnxruntime
import torch
from torch import Tensor, nn
from transformers import AutoConfig, PretrainedConfig

from kosplade.errors import UserError
from kosplade.model import SparseEncoder
from kosplade.tools.variants.loading import FILE


class OnnxEncoder(SparseEncoder):
    """A SparseEncoder whose forward is onnxruntime's, on CPU, with as many threads as torch.

    Raises UserError for a file that onnxruntime cannot load.
    """

    def __init__(self, folder: Path, vocab_size: int):
        nn.Module.__init__(self)
        file = folder / FILE
        # No weights: it only says how many pieces there are, and that they are on a CPU.
        self.decoder = nn.Module()
        self.decoder.weight = torch.empty(vocab_size, 0)
        self._config = AutoConfig.from_pretrained(folder)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's have no common class
            reason = " ".join(str(error).split())[:200]
            raise UserError(f"{file}: onnxruntime cannot load it ({reason}). Write the variant again.") from None

    @property
    def config(self) -> PretrainedConfig:
        return self._config

    def forward(self, input_ids_BL: Tensor, attention_mask_BL: Tensor, pieces_P: Tensor | None = None) -> Tensor:
        """Weights as in SparseEncoder; all pieces are computed, `pieces_P` only selects."""
        inputs = {"input_ids": input_ids_BL.numpy(), "attention_mask": attention_mask_BL.numpy()}
        weights_BV = torch.from_numpy(self._session.run(None, inputs)[0])
        return weights_BV if pieces_P is None else weights_BV[:, pieces_P]
