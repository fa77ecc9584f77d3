"""The encoder as one ONNX file, pooled in the graph: token ids in, weights [batch, V] out; in float32 or int8."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from torch import Tensor, nn

from kosplade.model import SparseEncoder
from kosplade.model.head import without_padding

PIECES_AT_ONCE = 1 << 13  # a slice of the logits of 32 texts of 128 pieces is 128 MiB, those of all pieces 4 GiB


class _Pooled(nn.Module):
    """What is exported: `SparseEncoder.forward` in operations that ONNX has, the vocabulary in slices."""

    def __init__(self, encoder: SparseEncoder, *, tied: bool):
        super().__init__()
        self.mlm, self.bias = encoder.mlm, encoder.decoder.bias
        self.weight = encoder.decoder.weight if tied else None
        # Quantisation reads matrices that are constants of the graph, not slices of the word embeddings.
        slices = encoder.decoder.weight.detach().split(PIECES_AT_ONCE)
        self.slices = None if tied else nn.ParameterList(weight_vD.T.contiguous() for weight_vD in slices)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        hidden_BLD = self.mlm(input_ids=input_ids, attention_mask=attention_mask).logits
        states_BLD = without_padding(hidden_BLD, attention_mask)
        slices = self.slices or [weight_vD.T for weight_vD in self.weight.split(PIECES_AT_ONCE)]
        best_BV = torch.cat([(states_BLD @ weight_Dv).amax(1) for weight_Dv in slices], dim=1)
        return torch.log1p(torch.relu(best_BV + self.bias))


def write_onnx(encoder: SparseEncoder, file: Path, *, tied: bool = True) -> None:
    """Write `encoder` in float32, any batch and length; not `tied`, the decoder is stored beside the embeddings."""
    example_BL = torch.full((2, 4), encoder.vocab_size - 1)
    sizes = {0: "batch", 1: "length"}
    with _quiet():
        program = torch.onnx.export(
            _Pooled(encoder, tied=tied).eval(),
            (example_BL, torch.ones_like(example_BL)),
            input_names=["input_ids", "attention_mask"],
            output_names=["weights"],
            dynamic_shapes=(sizes, sizes),
            dynamo=True,
            verbose=False,
        )
        program.save(file, external_data=False)


def write_int8(encoder: SparseEncoder, file: Path) -> None:
    """Write `encoder` with 8-bit matrices and embeddings; activations are quantised as they come (dynamic)."""
    whole = file.with_suffix(".float.onnx")
    write_onnx(encoder, whole, tied=False)
    with _quiet():
        # Processors without VNNI add pairs of products in 16 bits: 7-bit weights (reduce_range) cannot overflow there.
        quantize_dynamic(whole, file, per_channel=True, reduce_range=True, weight_type=QuantType.QInt8)
    whole.unlink()


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporters' notes to their own developers."""
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        logging.disable(logging.NOTSET)
