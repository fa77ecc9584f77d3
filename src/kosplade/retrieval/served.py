"""A sparse encoder as an index serves it: from a training of ours, or from any exported folder."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from scipy.sparse import csr_matrix
from transformers import PreTrainedTokenizerBase

from kosplade.errors import UserError, first_line
from kosplade.files import read_json
from kosplade.model import Counting, Occurrences, SparseEncoder
from kosplade.retrieval.encoding import inference_free, without
from kosplade.retrieval.hybrid import EVEN
from kosplade.vocab import lengths
from kosplade.vocab.pieces import piece_strings, plain_pieces
from kosplade.vocab.tokenizer import load_tokenizer

LARGEST_WEIGHT = 1e6  # an IDF is the logarithm of a number of texts
WAYS = ("inference_free", "encoded")  # of making a query's vector


@dataclass(frozen=True)
class ServedModel:
    """Encoder and tokenizer; `query_weight_V` float32 weighs inference-free queries, `unserved_V` bool is never served.

    `expandable_V` (bool) are the pieces that a document may get without holding them: Hangul, and those that the
    training documents hold. Lengths count special pieces. `hybrid_weight` is the model's share in a hybrid with BM25,
    by each of WAYS.
    """

    encoder: SparseEncoder
    tokenizer: PreTrainedTokenizerBase
    query_weight_V: np.ndarray
    unserved_V: np.ndarray
    expandable_V: np.ndarray
    max_query_length: int
    max_document_length: int
    counting: Counting = field(default_factory=Counting)
    hybrid_weight: dict[str, float] = field(default_factory=lambda: dict.fromkeys(WAYS, EVEN))

    @cached_property
    def occurrences(self) -> Occurrences:
        """What documents pass after the encoder."""
        return Occurrences(self.counting, torch.from_numpy(self.query_weight_V))

    def pieces(self, texts: list[str], side: str) -> list[list[int]]:
        """Piece ids of texts, cut as the model cuts them, special pieces included; `side` is query or document."""
        return self.tokenizer(texts, truncation=True, max_length=self._length(side))["input_ids"]

    def plain_pieces(self, texts: list[str], side: str) -> list[list[int]]:
        """The same without the special pieces: what BM25 over the same pieces reads."""
        return plain_pieces(self.tokenizer, texts, self._length(side))

    def raw(self, texts: list[str], side: str, label: str, pieces_P: np.ndarray | None = None) -> csr_matrix:
        """Raw vectors [N, V], of the whole vocabulary or of `pieces_P` alone."""
        return self.encoder.encode(
            texts,
            self.tokenizer,
            max_length=self._length(side),
            occurrences=self.occurrences if side == "document" else None,
            pieces_P=None if pieces_P is None else torch.from_numpy(pieces_P),
            label=label,
        )

    def inference_free(self, texts: list[str]) -> csr_matrix:
        """Served vectors of queries by the tokenizer alone, CSR [Q, V]."""
        return inference_free(self.pieces(texts, "query"), self.query_weight_V)

    def encoded(self, texts: list[str], label: str, pieces_P: np.ndarray | None = None) -> csr_matrix:
        """Served vectors of queries, CSR [Q, V]: the encoder's weights at `pieces_P`, plus the IDF of own pieces."""
        own_QV = np.float32(self.counting.query_idf) * self.inference_free(texts)
        return without(self.raw(texts, "query", label, pieces_P), self.unserved_V) + own_QV

    def queries(self, texts: list[str], label: str, pieces_P: np.ndarray | None = None) -> dict[str, csr_matrix]:
        """By each of WAYS. Scores need only those pieces (`pieces_P`) that a document has."""
        return {"inference_free": self.inference_free(texts), "encoded": self.encoded(texts, label, pieces_P)}

    def documents(self, texts: list[str], label: str) -> csr_matrix:
        """Served vectors of documents, CSR [N, V], non-zero at a document's own pieces and at `expandable_V` alone.

        So it does not matter what else is encoded. What is left out are expansions to pieces of other scripts that the
        training never met; `foreign_activation` says how little that is.
        """
        own_NV = inference_free(self.pieces(texts, "document"), np.float32(~self.unserved_V))
        is_expandable_V = self.expandable_V & ~self.unserved_V
        pieces_P = np.union1d(np.flatnonzero(is_expandable_V), own_NV.indices)
        vectors_NV = without(self.raw(texts, "document", label, pieces_P), self.unserved_V)
        others_NV = vectors_NV.multiply(np.float32(~is_expandable_V)).tocsr()
        return vectors_NV - others_NV + others_NV.multiply(own_NV)

    def _length(self, side: str) -> int:
        return self.max_query_length if side == "query" else self.max_document_length


def load_export(folder: Path, *, max_query_length: int, max_document_length: int) -> ServedModel:
    """A folder that the stage `convert` wrote: what is not served is in its decoder's bias already.

    Raises UserError for a folder that is none or is damaged, and for a tokenizer or idf.json of another vocabulary.
    """
    remedy = "Run: make convert-v25-hf"
    if not (folder / "config.json").is_file():
        raise UserError(f"{folder}: not an exported model (no config.json). {remedy}")
    weights = read_json(folder / "idf.json", remedy)
    tokenizer = load_tokenizer(folder, remedy)
    try:
        encoder = SparseEncoder.load(folder)
    except (UserError, MemoryError):
        raise
    except Exception as error:  # transformers and safetensors raise many kinds for a damaged file
        raise UserError(f"{folder}: the model cannot be loaded ({first_line(error)}). {remedy}") from None
    pieces = piece_strings(tokenizer)
    if encoder.vocab_size != len(pieces):
        raise UserError(
            f"{folder}: the model has {encoder.vocab_size} pieces, the tokenizer {len(pieces)}; they must agree. "
            f"{remedy}"
        )
    if not isinstance(weights, dict) or weights.keys() != set(pieces):
        raise UserError(f"{folder}/idf.json: not a weight for each of the tokenizer's {len(pieces)} pieces. {remedy}")
    for piece, weight in weights.items():
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight < LARGEST_WEIGHT:
            raise UserError(f"{folder}/idf.json: the weight of {piece!r} is no number from 0 on. {remedy}")
    query_weight_V = np.array([weights[piece] for piece in pieces], dtype=np.float32)
    return ServedModel(
        encoder=encoder.eval(),
        tokenizer=tokenizer,
        query_weight_V=query_weight_V,
        unserved_V=query_weight_V == 0,  # every served piece weighs something: no IDF is 0
        expandable_V=read_expandable(folder, pieces, remedy),
        max_query_length=max_query_length,
        max_document_length=max_document_length,
        counting=read_counting(folder, remedy),
        hybrid_weight=read_hybrid_weight(folder, remedy),
    )


def read_counting(folder: Path, remedy: str) -> Counting:
    """What config.json of an export says of occurrences; of another model, that they change nothing."""
    try:
        counting = Counting(**read_json(folder / "config.json", remedy).get("occurrences", {}))
        if all(0 <= value < LARGEST_WEIGHT for value in vars(counting).values()) and counting.mean_length > 0:
            return counting
    except (TypeError, AttributeError):
        pass
    raise UserError(f"{folder}/config.json: 'occurrences' is not what an export holds. {remedy}")


def read_expandable(folder: Path, pieces: list[str], remedy: str) -> np.ndarray:
    """bool [V]: the pieces that a document may get without holding them; all, where an export does not tell."""
    file = folder / "expandable.json"
    if not file.exists():
        return np.ones(len(pieces), dtype=bool)
    listed = read_json(file, remedy)
    if not isinstance(listed, list) or not all(isinstance(piece, str) for piece in listed) or set(listed) - set(pieces):
        raise UserError(f"{file}: not a list of the tokenizer's pieces. {remedy}")
    return np.isin(pieces, listed)


def read_hybrid_weight(folder: Path, remedy: str) -> dict[str, float]:
    """By each of WAYS, the model's share in a hybrid, as config.json of an export says; of another model, a half."""
    weights = read_json(folder / "config.json", remedy).get("hybrid_weight", dict.fromkeys(WAYS, EVEN))
    try:
        if all(0 <= weights[way] <= 1 for way in WAYS):
            return {way: float(weights[way]) for way in WAYS}
    except (TypeError, KeyError):
        pass
    ways = " and ".join(WAYS)
    raise UserError(f"{folder}/config.json: 'hybrid_weight' is not a number from 0 to 1 for each of {ways}. {remedy}")


def check_length(model: ServedModel, length: int, name: str) -> None:
    """Raise UserError unless the model reads texts of `length` pieces, and these hold more than its special pieces.

    `name` is the option that sets the length.
    """
    special = model.tokenizer.num_special_tokens_to_add()
    if length <= special:
        raise UserError(
            f"{name} is {length}; {special} are special pieces, so nothing of a text is left. Raise {name}."
        )
    lengths.check_length(model.encoder.config, length, name)
