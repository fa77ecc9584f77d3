"""What is known about each piece of the vocabulary: IDF, document frequency, stopword mask, what is served."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from kosplade.errors import UserError
from kosplade.files import replacing
from kosplade.params import LossParams
from kosplade.paths import IDF, MASK
from kosplade.vocab.frequencies import DocumentFrequencies
from kosplade.vocab.pieces import hangul_mask, special_ids

# The semantic ratio of a text: without a floor a text whose masked pieces all weigh 0 is infinite, without a cap one
# just above 0 owns the mean; past 1000 to 1 a larger ratio says no more.
WEIGHT_FLOOR = 1e-3
RATIO_CAP = 1000.0


@dataclass(frozen=True)
class Tables:
    """Everything that is known about the pieces before training, one row a piece.

    idf_V float32 is the IDF in use; document_frequency_V int64 what the training documents hold; functional_V float32
    the share of a piece's occurrences there that carry grammar by Kiwi's tags; the others are bool. mean_length counts
    the pieces of a training document, special ones included.
    """

    idf_V: Tensor
    document_frequency_V: Tensor
    stopword_V: Tensor
    special_V: Tensor
    hangul_V: Tensor
    functional_V: Tensor
    mean_length: float

    @classmethod
    def build(
        cls,
        tokenizer: PreTrainedTokenizerBase,
        idf_V: Tensor,
        counted: DocumentFrequencies,
        functional_V: Tensor,
        stopword_V: Tensor,
    ) -> "Tables":
        special_V = torch.zeros(len(tokenizer), dtype=torch.bool)
        special_V[special_ids(tokenizer)] = True
        return cls(
            idf_V=idf_V,
            document_frequency_V=torch.from_numpy(counted.counts_V),
            stopword_V=stopword_V,
            special_V=special_V,
            hangul_V=torch.from_numpy(hangul_mask(tokenizer)),
            functional_V=functional_V,
            mean_length=counted.mean_length + tokenizer.num_special_tokens_to_add(),
        )

    @property
    def expandable_V(self) -> Tensor:
        """bool [V]: pieces that a document may get without holding them: those that the training knows, and Hangul."""
        return (self.document_frequency_V > 0) | self.hangul_V

    @property
    def core_V(self) -> Tensor:
        """bool [V]: pieces that every training step computes."""
        return self.expandable_V | self.stopword_V | self.special_V

    def silent_groups(self, loss: LossParams) -> list[Tensor]:
        """Groups of pieces (bool [V]) that the recipe wants silent: the masked ones; those known only to be unseen."""
        groups = []
        if loss.stopword_mask:
            groups.append(self.stopword_V)
        if loss.idf_weighting:
            groups.append(~self.core_V)
        return groups


def open_tables(tokenizer: PreTrainedTokenizerBase) -> Tables:
    """The outs of the stages `idf` and `stopwords`. Raises UserError if missing or of another tokenizer."""
    idf_V, functional_V, counted = load_idf(IDF, len(tokenizer))
    mask_V = load_mask(MASK, len(tokenizer))
    return Tables.build(tokenizer, idf_V, counted, functional_V, mask_V)


def served_weights(loss: LossParams, idf_V: Tensor, stopword_V: Tensor, special_V: Tensor) -> tuple[Tensor, Tensor]:
    """(weight of each piece in an inference-free query float32 [V], pieces that are not served bool [V])."""
    unserved_V = special_V | stopword_V if loss.stopword_mask else special_V
    return torch.where(unserved_V, 0.0, idf_V if loss.idf_weighting else torch.ones_like(idf_V)), unserved_V


def save_idf(path: Path, counted: DocumentFrequencies, used: DocumentFrequencies, functional_V: np.ndarray) -> None:
    """Write {idf_counted, idf, functional float32 [V], document_frequency int64 [V], documents, pieces}.

    `counted` is what the training documents hold; `idf`, which later stages read, is that of `used`; `functional` the
    share of a piece's occurrences that carry grammar. `torch.load(path, weights_only=True)` reads it.
    """
    value = {
        "idf_counted": torch.from_numpy(counted.idf()),
        "idf": torch.from_numpy(used.idf()),
        "functional": torch.from_numpy(functional_V),
        "document_frequency": torch.from_numpy(counted.counts_V),
        "documents": counted.documents,
        "pieces": counted.pieces,
    }
    with replacing(path) as target:
        torch.save(value, target)


def load_idf(path: Path, vocab_size: int) -> tuple[Tensor, Tensor, DocumentFrequencies]:
    """(IDF in use float32 [V], functional share float32 [V], what was counted).

    Raises UserError if the file is missing, broken or of another size.
    """
    value = _load(path, "IDF weights not found. Run: make prepare-v25-idf", "make prepare-v25-idf")
    dtypes = dict.fromkeys(("idf_counted", "idf", "functional"), torch.float32) | {"document_frequency": torch.int64}
    for name, dtype in dtypes.items():
        _check(path, value.get(name) if isinstance(value, dict) else None, dtype, vocab_size, "make prepare-v25-idf")
    counts_V, documents, pieces = value["document_frequency"], value.get("documents"), value.get("pieces")
    is_whole = type(documents) is int and type(pieces) is int
    if not is_whole or not 0 <= int(counts_V.max()) <= documents or not 0 <= int(counts_V.sum()) <= pieces:
        raise UserError(f"{path}: does not hold a table of the vocabulary. Run: make prepare-v25-idf")
    return value["idf"], value["functional"], DocumentFrequencies(counts_V.numpy(), documents, pieces)


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
