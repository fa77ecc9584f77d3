"""The document encoder as one TorchScript file, for a server that runs PyTorch without Python.

OpenSearch's ml-commons runs a SPARSE_ENCODING model through DJL. Its SparseEncodingTranslator names the two int64
arrays of a text `input1.input_ids` and `input1.attention_mask`; DJL makes one dictionary of arrays with the same prefix
and adds the batch dimension, so the model is called with `{"input_ids": [B, L], "attention_mask": [B, L]}` and nothing
else. It answers `{"output": [B, V]}`, and each non-zero weight becomes a feature. opensearch-py-ml's models have the
same interface.

The file is written by a process of its own: class names in it depend on what else the process has scripted.
"""

import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from inspect import signature
from multiprocessing import get_context
from pathlib import Path
from zipfile import ZipFile

import torch
from torch import Tensor, nn
from transformers.utils import logging

from kosplade.errors import UserError
from kosplade.export.archives import write_zip
from kosplade.export.words import Words
from kosplade.files import replacing
from kosplade.model import Occurrences, SparseEncoder

TOLERANCE = 1e-4
WITHOUT = "Set export.opensearch=false: the rest of the export needs no TorchScript."
_TRACED, _CHECKED = (2, 4), ((1, 9), (3, 6))  # [B, L] of the texts that it is traced with and compared on
# Where each instruction came from, with paths of this machine, and a hash of it: neither is needed to run it.
_LEFT_OUT = (".debug_pkl", "/.data/serialization_id")


def write_torchscript(folder: Path, occurrences: Occurrences, target: Path) -> None:
    """Write the model of an exported folder as the TorchScript file `target`, float32; equal models give equal bytes.

    It gives the weights of documents, `occurrences` included.

    Raises UserError if the model cannot be traced, or if what was traced gives other vectors for other shapes.
    """
    in_own_process(_write, folder, occurrences, target)


def in_own_process(write: Callable[..., None], *arguments: object) -> None:
    """Call `write` in a new process, which raises what it raises. UserError if it was killed."""
    try:
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            pool.submit(write, *arguments).result()
    except BrokenProcessPool:
        raise UserError(
            f"{arguments[-1]}: the process that writes the model was killed. Free memory and run it again."
        ) from None


def save(model: torch.jit.ScriptModule, target: Path) -> None:
    """Write a TorchScript file; of processes that did the same before, equal models give equal bytes."""
    with replacing(target) as final:
        raw = final.with_name("raw")
        torch.jit.save(model, raw)
        with ZipFile(raw) as saved:
            names = [name for name in saved.namelist() if not name.endswith(_LEFT_OUT)]
            write_zip(final, {name: lambda name=name: saved.open(name) for name in names}, level=None)


def _write(folder: Path, occurrences: Occurrences, target: Path) -> None:
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    encoder = SparseEncoder.load(folder).eval().requires_grad_(False)
    # The fused attention that is the default fails in ml-commons (its issue 1710).
    encoder.mlm.set_attn_implementation("eager")
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit is deprecated: the format that ml-commons reads is no other
        expected = [_documents(encoder, occurrences, _texts(*shape, encoder)) for shape in _CHECKED]
        try:
            model = torch.jit.trace(
                _Document(encoder, occurrences), (_texts(*_TRACED, encoder),), strict=False, check_trace=False
            )
        except (RuntimeError, ValueError) as error:
            reason = " ".join(str(error).split())[:200]
            raise UserError(f"{folder}: the model cannot be traced ({reason}). {WITHOUT}") from None
        for shape, expected_BV in zip(_CHECKED, expected, strict=True):
            _compare(folder, model(_texts(*shape, encoder))["output"], expected_BV)
    save(model, target)


def _texts(batch: int, length: int, encoder: SparseEncoder) -> dict[str, Tensor]:
    """Ids of random pieces, the first one repeated, each text with one position of padding more than the one before."""
    pieces_BL = torch.randint(encoder.vocab_size, (batch, length), generator=torch.Generator().manual_seed(0))
    pieces_BL[:, 1] = pieces_BL[:, 0]  # which counts twice
    mask_BL = (torch.arange(length) < length - torch.arange(batch).unsqueeze(1)).long()
    return {"input_ids": pieces_BL, "attention_mask": mask_BL}


def _documents(encoder: SparseEncoder, occurrences: Occurrences, texts: dict[str, Tensor]) -> Tensor:
    ids_BL, mask_BL = texts.values()
    return occurrences(encoder(ids_BL, mask_BL), ids_BL, mask_BL)


def _compare(folder: Path, found_BV: Tensor, expected_BV: Tensor) -> None:
    difference = (found_BV - expected_BV).abs().max().item()
    if not difference <= TOLERANCE:
        raise UserError(
            f"{folder}: as TorchScript the model gives other vectors for texts of other lengths (by {difference:.2g}). "
            f"{WITHOUT}"
        )


class _Document(nn.Module):
    """The encoder with the interface that ml-commons calls. Tied word embeddings are one module: once in memory too."""

    def __init__(self, encoder: SparseEncoder, occurrences: Occurrences):
        super().__init__()
        self.occurrences = torch.jit.script(occurrences)
        embeddings = encoder.mlm.get_input_embeddings()
        self.mlm = encoder.mlm
        self.bias_V = encoder.decoder.bias
        self.has_types = "token_type_ids" in signature(encoder.mlm.forward).parameters
        self.is_tied = encoder.decoder.weight is embeddings.weight
        if not self.is_tied:
            self.decoder = torch.jit.script(Words(encoder.decoder.weight))
        self.mlm.set_input_embeddings(torch.jit.script(Words(embeddings.weight)))

    def forward(self, input: dict[str, Tensor]) -> dict[str, Tensor]:
        mask_BL = input["attention_mask"]
        # Both made here, of what is passed in: what transformers makes of an ordinary mask and of no types holds the
        # device that it was traced on as a constant.
        types = {"token_type_ids": input["input_ids"] * 0} if self.has_types else {}
        added_B11L = (mask_BL == 0)[:, None, None, :].to(self.bias_V.dtype) * torch.finfo(self.bias_V.dtype).min
        hidden_BLD = self.mlm(input_ids=input["input_ids"], attention_mask=added_B11L, **types).logits
        decoder = self.mlm.get_input_embeddings() if self.is_tied else self.decoder
        pooled_BV = decoder.pool(hidden_BLD, mask_BL, self.bias_V)
        return {"output": self.occurrences(pooled_BV, input["input_ids"], mask_BL)}
