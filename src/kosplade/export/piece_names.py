"""How a server names a piece, and the tokenizer.json that makes it do so.

ml-commons names the feature of piece i after `decode([i])`, in documents and in queries (SparseEncodingTranslator,
SparseTokenizerModel). XLM-RoBERTa's own decoder drops the blank sign, so `▁결제` and `결제` would share a feature. A
name with a dot is lost on a `rank_feature` query, which splits there. So the zips hold a decoder that gives the piece
itself, with each dot replaced by a sign that no piece contains. A `sparse_vector` field holds ids and no names.

Newer layouts of tokenizer.json lack fields of `Metaspace` that the tokenizers library needed before 0.19, with which
DJL reads it in older releases of ml-commons. Both generations' fields side by side load in 0.13.3, 0.14.1, 0.15.2,
0.19.1, 0.20.3, 0.21.4 and 0.23.3 (tried with the Python packages), with the same ids and names.
"""

from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerBase

from kosplade.errors import UserError
from kosplade.files import read_json
from kosplade.vocab.pieces import piece_strings, special_ids

_PRIVATE = map(chr, range(0xE000, 0xF900))  # signs that Unicode leaves to everyone's own use
DOTS = ("․", *_PRIVATE)  # U+2024 looks like a dot, and compatibility normalisation keeps it out of vocabularies


def dot_sign(pieces: Sequence[str]) -> str:
    """The first of DOTS that occurs in no piece, so that names stay distinct; UserError if there is none."""
    used = set(chain.from_iterable(pieces))
    sign = next((sign for sign in DOTS if sign not in used), None)
    if sign is None:
        raise UserError("tokenizer: no sign is left to stand for a dot in a piece's name. Set export.opensearch=false.")
    return sign


def piece_names(tokenizer: PreTrainedTokenizerBase) -> list[str]:
    """The name of each piece in a `rank_features` field, in id order; "" for special pieces, which have none."""
    pieces = piece_strings(tokenizer)
    sign, special = dot_sign(pieces), set(special_ids(tokenizer))
    return ["" if id_ in special else piece.replace(".", sign) for id_, piece in enumerate(pieces)]


def server_tokenizer(folder: Path, sign: str, max_length: int, remedy: str) -> dict[str, Any]:
    """tokenizer.json of an export as a server needs it: naming pieces, cutting at `max_length`, old fields filled in.

    DJL reads the length from the file; left null it would take another.
    """
    content = read_json(folder / "tokenizer.json", remedy)
    return content | {
        "truncation": {"direction": "Right", "max_length": max_length, "strategy": "LongestFirst", "stride": 0},
        "padding": None,
        "pre_tokenizer": _with_old_fields(content["pre_tokenizer"]),
        "decoder": {"type": "Replace", "pattern": {"String": "."}, "content": sign},
    }


def _with_old_fields(step: Any) -> Any:
    """A pre-tokenizer, and those in it, with the fields of `Metaspace` before tokenizers 0.19."""
    if not isinstance(step, dict):
        return step
    if step.get("type") == "Sequence":
        return step | {"pretokenizers": [_with_old_fields(one) for one in step["pretokenizers"]]}
    if step.get("type") == "Metaspace":
        return step | {"add_prefix_space": step.get("prepend_scheme") != "never", "str_rep": step["replacement"]}
    return step
