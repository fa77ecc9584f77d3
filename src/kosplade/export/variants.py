"""Smaller or faster forms of an exported folder: `python -m kosplade.export.variants MODEL OUTPUT --kind ...`.

    pruned    fewer pieces (see pruned.py); a plain export again, so it can become onnx or int8 in turn
    onnx      model.onnx for onnxruntime, float32, the same vectors
    int8      model.onnx in 8 bits

`variant.json` in OUTPUT says what it is; `pieces` are the ids that its pieces have in MODEL's vocabulary, null for all.
"""

import argparse
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix

from kosplade.errors import UserError
from kosplade.export.onnx import FILE, OnnxEncoder, write_int8, write_onnx
from kosplade.export.pruned import kept_pieces, read_texts, write_pruned
from kosplade.files import read_json, replacing, write_json
from kosplade.retrieval.encoding import without
from kosplade.retrieval.served import ServedModel, load_export
from kosplade.vocab.pieces import piece_strings
from kosplade.vocab.tokenizer import load_tokenizer

KINDS = ("pruned", "onnx", "int8")
ABOUT = "variant.json"
LENGTHS = "sentence_bert_config.json"
BESIDE = ("config.json", "idf.json", "tokenizer.json", "tokenizer_config.json", LENGTHS)
REMEDY = "Write it with: python -m kosplade.export.variants"


@dataclass(frozen=True)
class Variant:
    """A model and the ids [v] that its pieces have in a vocabulary of `vocab_size`, in which its vectors are given."""

    model: ServedModel
    pieces_v: np.ndarray
    vocab_size: int

    def queries(self, texts: list[str], label: str) -> dict[str, csr_matrix]:
        """Served vectors [N, V] of queries, by each of `served.WAYS`."""
        return {way: self._whole(vectors) for way, vectors in self.model.queries(texts, label).items()}

    def documents(self, texts: list[str], label: str) -> csr_matrix:
        """Served vectors [N, V] of documents, every piece computed."""
        return self._whole(without(self.model.raw(texts, "document", label), self.model.hidden_V))

    def _whole(self, vectors_Nv: csr_matrix) -> csr_matrix:
        shape = (vectors_Nv.shape[0], self.vocab_size)
        return csr_matrix((vectors_Nv.data, self.pieces_v[vectors_Nv.indices], vectors_Nv.indptr), shape=shape)


def load_variant(folder: Path, batch_size: int) -> Variant:
    """An export or a variant, with the lengths that it was exported with. Raises UserError for any other folder."""
    lengths, about = read_json(folder / LENGTHS, REMEDY), _about(folder)
    try:
        shared = {"max_query_length": lengths["query_length"], "max_document_length": lengths["max_seq_length"]}
        pieces, vocab_size = about["pieces"], about["vocabulary"]
    except (KeyError, TypeError):
        raise UserError(f"{folder}: {LENGTHS} or {ABOUT} lacks a field. {REMEDY}") from None
    load = _load_onnx if (folder / FILE).exists() else load_export
    model = load(folder, batch_size=batch_size, **shared)
    size = model.encoder.vocab_size
    pieces_v = np.arange(size) if pieces is None else np.array(pieces)
    if len(pieces_v) != size:
        raise UserError(f"{folder / ABOUT}: {len(pieces_v)} ids for a model of {size} pieces. {REMEDY}")
    return Variant(model, pieces_v, vocab_size or size)


def _about(folder: Path) -> dict:
    """variant.json; what it would say of a plain export."""
    plain = {"kind": None, "vocabulary": None, "pieces": None}
    return read_json(folder / ABOUT, REMEDY) if (folder / ABOUT).exists() else plain


def _load_onnx(folder: Path, **shared: int) -> ServedModel:
    tokenizer, weights = load_tokenizer(folder), read_json(folder / "idf.json", REMEDY)
    try:
        query_weight_V = np.array([weights[piece] for piece in piece_strings(tokenizer)], dtype=np.float32)
    except (KeyError, TypeError):
        raise UserError(f"{folder}/idf.json: not a weight for each of the tokenizer's pieces. {REMEDY}") from None
    encoder = OnnxEncoder(folder / FILE, len(query_weight_V))
    return ServedModel(encoder, tokenizer, query_weight_V, query_weight_V == 0, **shared)


def write_variant(source: Path, output: Path, kind: str, texts: list[str] | None = None) -> str:
    """Write one of KINDS of the export `source` to `output`; return the line to print.

    `texts` are for pruned (see `kept_pieces`). Raises UserError where `output` is anything but a variant, and for a
    source that is no export, or a variant other than a pruned one that becomes onnx or int8.
    """
    if output.exists() and not (output / ABOUT).is_file():
        raise UserError(f"{output} is there and is no variant. Choose another OUTPUT.")
    if output.resolve() in (source.resolve(), *source.resolve().parents):
        raise UserError(f"{output} is MODEL itself or holds it. Choose another OUTPUT.")
    variant = load_variant(source, batch_size=1)
    model, size = variant.model, variant.vocab_size
    if (source / FILE).exists() or (kind == "pruned" and len(variant.pieces_v) < size):
        raise UserError(f"{source} is a variant already. Start from the exported folder.")
    pieces_v = kept_pieces(model.tokenizer, texts) if kind == "pruned" else variant.pieces_v
    with replacing(output) as target:
        target.mkdir()
        if kind == "pruned":
            write_pruned(model, pieces_v, texts or [], target)
        else:
            {"onnx": write_onnx, "int8": write_int8}[kind](model.encoder, target / FILE)
            for name in BESIDE:
                shutil.copyfile(source / name, target / name)
        pieces = pieces_v.tolist() if len(pieces_v) < size else None
        write_json(target / ABOUT, {"kind": kind, "vocabulary": size, "pieces": pieces})
    return f"{output}: {kind}, {len(pieces_v)} of {size} pieces"


def main(arguments: list[str]) -> None:
    """Write what the command line says; a UserError is one line and exit code 1."""
    parser = argparse.ArgumentParser(prog="python -m kosplade.export.variants", description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, metavar="MODEL", help="an export; for onnx and int8 also a pruned one")
    parser.add_argument("output", type=Path, metavar="OUTPUT", help="a new folder, or a variant to replace")
    parser.add_argument("--kind", choices=KINDS, required=True)
    parser.add_argument("--texts", type=Path, metavar="JSONL", help="pruned: of Latin words only its pieces stay")
    options = parser.parse_args(arguments)
    if options.texts and options.kind != "pruned":
        parser.error("--texts is for --kind pruned; make that first, then the other kind of it")
    try:
        texts = None if options.texts is None else read_texts(options.texts)
        print(write_variant(options.model, options.output, options.kind, texts))
    except UserError as error:
        sys.exit(f"Error: {error}")


if __name__ == "__main__":
    main(sys.argv[1:])
