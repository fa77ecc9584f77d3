"""Write a variant of an export into a folder of its own."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from kosplade.errors import UserError
from kosplade.files import replacing, write_json
from kosplade.tools.options import refuse_outs
from kosplade.tools.variants.loading import ABOUT, LENGTHS, load_variant
from kosplade.tools.variants.onnx import FILE, write_int8, write_onnx
from kosplade.tools.variants.pruned import kept_pieces, write_pruned
from kosplade.tools.variants.recounted import write_recounted

KINDS = ("pruned", "onnx", "int8", "recounted")
BESIDE = ("config.json", "idf.json", "tokenizer.json", "tokenizer_config.json", LENGTHS)


def write_variant(source: Path, output: Path, kind: str, texts: Sequence[str] = ()) -> str:
    """Write one of KINDS of the export `source` to `output`; return the line to print.

    `texts` are for pruned (see `kept_pieces`) and recounted. Raises UserError where recounted has none, where `output`
    is anything but a variant or lies in an out of the pipeline, and for a source that is no export, or a variant of a
    kind that this one is not made of.
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
    variant = load_variant(source, batch_size=1)
    model, size = variant.model, variant.vocab_size
    if kind == "pruned" and len(variant.pieces_v) < size:
        raise UserError(again)
    pieces_v = kept_pieces(model.tokenizer, texts) if kind == "pruned" else variant.pieces_v
    with replacing(output) as target:
        target.mkdir()
        if kind == "pruned":
            write_pruned(model, pieces_v, texts, target)
        elif kind == "recounted":
            write_recounted(model, source, texts, target)
        else:
            {"onnx": write_onnx, "int8": write_int8}[kind](model.encoder, target / FILE)
            for name in BESIDE:
                shutil.copyfile(source / name, target / name)
        pieces = pieces_v.tolist() if len(pieces_v) < size else None
        write_json(target / ABOUT, {"kind": kind, "vocabulary": size, "pieces": pieces})
    return f"{output}: {kind}, {len(pieces_v)} of {size} pieces"
