"""An export or a variant of it, loaded: vectors in the vocabulary of the whole export."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix

from kosplade.errors import UserError
from kosplade.files import read_json
from kosplade.retrieval.encoding import without
from kosplade.retrieval.served import ServedModel, load_export, read_counting, read_expandable, read_hybrid_weight
from kosplade.vocab.pieces import piece_strings
from kosplade.vocab.tokenizer import load_tokenizer

ABOUT = "variant.json"
FILE = "model.onnx"
LENGTHS = "sentence_bert_config.json"
REMEDY = "Write it with: python -m kosplade.tools.variants"


@dataclass(frozen=True)
class Variant:
    """A model and the ids [v] that its pieces have in a vocabulary of `vocab_size`, in which its vectors are given."""

    model: ServedModel
    pieces_v: np.ndarray
    vocab_size: int

    def queries(self, texts: list[str], label: str) -> dict[str, csr_matrix]:
        """Served vectors [Q, V] of queries, by each of `served.WAYS`."""
        return {way: self._whole(vectors) for way, vectors in self.model.queries(texts, label).items()}

    def documents(self, texts: list[str], label: str) -> csr_matrix:
        """Served vectors [N, V] of documents, every piece computed."""
        return self._whole(without(self.model.raw(texts, "document", label), self.model.unserved_V))

    def _whole(self, vectors_Nv: csr_matrix) -> csr_matrix:
        shape = (vectors_Nv.shape[0], self.vocab_size)
        return csr_matrix((vectors_Nv.data, self.pieces_v[vectors_Nv.indices], vectors_Nv.indptr), shape=shape)


def load_variant(folder: Path) -> Variant:
    """An export or a variant, with the lengths that it was exported with. Raises UserError for any other folder."""
    if not (folder / LENGTHS).is_file():
        raise UserError(f"{folder}: neither an export nor a variant of one (no {LENGTHS}). Run: make convert-v25-hf")
    has_about = (folder / ABOUT).exists()
    about = read_json(folder / ABOUT, REMEDY) if has_about else {"vocabulary": None, "pieces": None}
    lengths = read_json(folder / LENGTHS, REMEDY)
    try:
        shared = {"max_query_length": lengths["query_length"], "max_document_length": lengths["max_seq_length"]}
        pieces, vocab_size = about["pieces"], about["vocabulary"]
    except (KeyError, TypeError):
        raise UserError(f"{folder}: {LENGTHS} or {ABOUT} lacks a field. {REMEDY}") from None
    model = load_any(folder, **shared)
    size = model.encoder.vocab_size
    return Variant(model, np.arange(size) if pieces is None else np.array(pieces), vocab_size or size)


def load_any(folder: Path, *, max_query_length: int, max_document_length: int) -> ServedModel:
    """An export, or a variant of one with the ids of its own vocabulary; UserError as `load_export`."""
    lengths = {"max_query_length": max_query_length, "max_document_length": max_document_length}
    if not (folder / FILE).exists():
        return load_export(folder, **lengths)
    from kosplade.tools.variants.onnx_encoder import OnnxEncoder  # onnxruntime takes a while

    tokenizer, weights = load_tokenizer(folder, REMEDY), read_json(folder / "idf.json", REMEDY)
    pieces = piece_strings(tokenizer)
    query_weight_V = np.array([weights[piece] for piece in pieces], dtype=np.float32)
    encoder = OnnxEncoder(folder, len(query_weight_V))
    says = {"counting": read_counting(folder, REMEDY), "hybrid_weight": read_hybrid_weight(folder, REMEDY)}
    expandable_V = read_expandable(folder, pieces, REMEDY)
    return ServedModel(encoder, tokenizer, query_weight_V, query_weight_V == 0, expandable_V, **says, **lengths)
