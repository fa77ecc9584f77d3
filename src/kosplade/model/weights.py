"""The tensors that training moved, as a file beside the backbone."""

from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import Tensor

from kosplade.errors import UserError
from kosplade.model import SparseEncoder


def trained_state(encoder: SparseEncoder) -> dict[str, Tensor]:
    """The tensors that training updates, by name; the rest is the backbone's."""
    return {name: p.detach().cpu().contiguous() for name, p in encoder.named_parameters() if p.requires_grad}


def save_trained(encoder: SparseEncoder, path: Path) -> None:
    """Write `trained_state` as safetensors."""
    save_file(trained_state(encoder), path)


def put_trained(encoder: SparseEncoder, path: Path, remedy: str) -> None:
    """Copy the tensors of a file into the encoder. Raises UserError, ending with `remedy`, if they do not fit."""
    own = dict(encoder.named_parameters())
    try:
        state = load_file(path)
    except Exception as error:  # safetensors raises its own kinds for a damaged file
        raise UserError(f"{path}: cannot be read ({error}). {remedy}") from None
    if not state:
        raise UserError(f"{path}: holds no tensor. {remedy}")
    for name, value in state.items():
        if name not in own or own[name].shape != value.shape or own[name].dtype != value.dtype:
            raise UserError(f"{path}: tensor {name} does not fit data/backbone. {remedy}")
        own[name].data.copy_(value)


def load_trained(backbone: Path, weights: Path) -> SparseEncoder:
    """The backbone with the tensors of `weights` put in. Raises UserError if they are missing or do not fit."""
    if not weights.exists():
        raise UserError(f"{weights} not found. Run: make train-v25")
    encoder = SparseEncoder.load(backbone)
    put_trained(encoder, weights, "Run: dvc repro -f train")
    return encoder.eval()
