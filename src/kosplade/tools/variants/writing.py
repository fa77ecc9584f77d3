"""Write a variant of an export into a folder of its own."""

import shutil
from collections.abc import Sequence
from itertools import compress
from pathlib import Path

import numpy as np
import torch
from transformers import PreTrainedTokenizerBase

from kosplade.errors import UserError
from kosplade.export.sentence_transformers import write_sentence_transformers
from kosplade.files import replacing, write_json
from kosplade.records.inputs import Source, read_texts
from kosplade.retrieval.served import ServedModel
from kosplade.tools.encode.counting import count_sources
from kosplade.tools.options import refuse_outs
from kosplade.tools.recounting import weights_of
from kosplade.tools.variants.loading import ABOUT, FILE, LENGTHS, load_variant
from kosplade.tools.variants.onnx import write_int8, write_onnx
from kosplade.tools.variants.pruned import kept_pieces, write_pruned
from kosplade.vocab.pieces import piece_strings

ENGINES = {"onnx": write_onnx, "int8": write_int8}
KINDS = ("pruned", *ENGINES, "recounted")
MODEL = ("config.json", "model*.safetensors*", "tokenizer*.json")
BESIDE = ("config.json", "idf.json", "expandable.json", "tokenizer.json", "tokenizer_config.json", LENGTHS)


def write_variant(source: Path, output: Path, kind: str, texts: Sequence[Source] = (), ray: str | None = None) -> str:
    """Write one of KINDS of the export `source` to `output`; return the line to print.

    `texts` are for pruned (see `kept_pieces`) and recounted, which counts them on `ray` (see `count_sources`). What
    tells figures or tables of another IDF, the card and `opensearch/`, is left out of these two.

    Raises UserError where recounted has no texts, where `output` is anything but a variant or lies in an out of the
    pipeline, and for a source that is no export, or a variant of a kind that this one is not made of.
    """
    if kind == "recounted" and not texts:
        raise UserError("recounted counts the pieces of texts. Name some: --texts corpus.jsonl")
    refuse_outs(output, "OUTPUT")
    if output.exists() and not (output / ABOUT).is_file():
        raise UserError(f"{output} is there and is no variant. Choose another OUTPUT.")
    if output.resolve() in (source.resolve(), *source.resolve().parents):
        raise UserError(f"{output} is MODEL itself or holds it. Choose another OUTPUT.")
    again = f"{source} is a variant already. Start from the exported folder."
    if (source / FILE).exists():
        raise UserError(again)
    variant = load_variant(source)
    model, size = variant.model, variant.vocab_size
    if kind == "pruned" and len(variant.pieces_v) < size:
        raise UserError(again)
    pieces_v = variant.pieces_v
    if kind == "pruned":
        pieces_v = kept_pieces(model.tokenizer, [text for one in texts for text in read_texts(one)])
    with replacing(output) as target:
        target.mkdir()
        if kind in ENGINES:
            ENGINES[kind](model.encoder, target / FILE)
            _copy(source, BESIDE, target)
        elif kind == "pruned":
            pruned = write_pruned(model, pieces_v, target)
            _write_tables(model, pruned, model.query_weight_V[pieces_v], model.expandable_V[pieces_v], target)
        else:
            _copy(source, MODEL, target)
            weight_V = weights_of(model, count_sources(texts, source, ray))
            _write_tables(model, model.tokenizer, weight_V, model.expandable_V, target)
        pieces = pieces_v.tolist() if len(pieces_v) < size else None
        write_json(target / ABOUT, {"kind": kind, "vocabulary": size, "pieces": pieces})
    return f"{output}: {kind}, {len(pieces_v)} of {size} pieces"


def _copy(source: Path, patterns: Sequence[str], target: Path) -> None:
    for file in (file for pattern in patterns for file in source.glob(pattern)):
        shutil.copyfile(file, target / file.name)


def _write_tables(
    model: ServedModel,
    tokenizer: PreTrainedTokenizerBase,
    weight_v: np.ndarray,
    expandable_v: np.ndarray,
    folder: Path,
) -> None:
    """What a folder with weights and tokenizer lacks to be an export: its two tables of pieces, and the modules."""
    pieces = piece_strings(tokenizer)
    write_json(folder / "idf.json", dict(zip(pieces, weight_v.tolist(), strict=True)))
    write_json(folder / "expandable.json", list(compress(pieces, expandable_v)))
    lengths = {"max_query_length": model.max_query_length, "max_document_length": model.max_document_length}
    write_sentence_transformers(folder, torch.from_numpy(weight_v), tokenizer, **lengths)
