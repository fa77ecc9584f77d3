"""The two tables over the vocabulary that later stages load: IDF weights and stopword mask."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kosplade.errors import UserError
from kosplade.files import replacing
from kosplade.vocab.idf import DocumentFrequencies


def save_idf(path: Path, frequencies: DocumentFrequencies) -> None:
    """Write {idf [V] float32, document_frequency [V] int64, documents}, readable with `weights_only=True`."""
    value = {
        "idf": torch.from_numpy(frequencies.idf()),
        "document_frequency": torch.from_numpy(frequencies.counts_V),
        "documents": frequencies.documents,
    }
    with replacing(path) as target:
        torch.save(value, target)


def load_idf(path: Path, vocab_size: int) -> tuple[Tensor, DocumentFrequencies]:
    """Return (idf_V float32, what it was made of). Raises UserError if missing, broken or of another size."""
    value = _load(path, "IDF weights not found. Run: make prepare-v25-idf", "make prepare-v25-idf")
    tables = [value.get(name) if isinstance(value, dict) else None for name in ("idf", "document_frequency")]
    for table, dtype in zip(tables, (torch.float32, torch.int64), strict=True):
        _check(path, table, dtype, vocab_size, "make prepare-v25-idf")
    documents = value.get("documents")
    if type(documents) is not int or not 0 <= int(tables[1].max()) <= documents or tables[1].min() < 0:
        raise UserError(f"{path}: does not hold a table of the vocabulary. Run: make prepare-v25-idf")
    return tables[0], DocumentFrequencies(tables[1].numpy(), documents)


def save_mask(path: Path, mask_V: np.ndarray) -> None:
    """Write the stopword mask, bool [V]; True is masked."""
    with replacing(path) as target:
        torch.save(torch.from_numpy(mask_V), target)


def load_mask(path: Path, vocab_size: int) -> Tensor:
    """Return the stopword mask bool [V]. Raises UserError if missing, broken or of another size."""
    mask_V = _load(path, "Stopword mask not found. Run: make prepare-v25-stopwords", "make prepare-v25-stopwords")
    _check(path, mask_V, torch.bool, vocab_size, "make prepare-v25-stopwords")
    return mask_V


def _load(path: Path, missing: str, remedy: str) -> Any:
    try:
        return torch.load(path, weights_only=True)
    except FileNotFoundError:
        raise UserError(missing) from None
    except Exception as error:  # torch raises many kinds for a damaged file
        raise UserError(f"{path}: cannot be read ({type(error).__name__}). Run: {remedy}") from None


def _check(path: Path, value_V: Any, dtype: torch.dtype, vocab_size: int, remedy: str) -> None:
    if not isinstance(value_V, Tensor) or value_V.dtype != dtype or value_V.ndim != 1:
        raise UserError(f"{path}: does not hold a table of the vocabulary. Run: {remedy}")
    if len(value_V) != vocab_size:
        raise UserError(
            f"{path}: has {len(value_V)} pieces, the tokenizer of data/backbone has {vocab_size}. Run: {remedy}"
        )
