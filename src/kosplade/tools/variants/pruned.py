"""An export with a smaller vocabulary: a plain Hugging Face folder again, decoder, embeddings and tokenizer alike.

Not lossless. A piece could go without loss only if no text activated it, and of a trained model that can be proved of
the hidden pieces alone (benchmarks/variants.py counts them), which are needed to read texts. What the choice made here
costs is measured there too.
"""

import json
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from transformers import PreTrainedTokenizerBase

from kosplade.errors import UserError
from kosplade.retrieval.served import ServedModel
from kosplade.vocab.pieces import SPACE, piece_strings, special_ids
from kosplade.vocab.tokenizer import load_tokenizer


def kept_pieces(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> np.ndarray:
    """Sorted ids of the pieces that stay: those without letters other than Hangul and ASCII, and special pieces.

    With `texts`, pieces with ASCII letters stay only if a text uses them or they are a single character.

    Read as before are all texts that are normalised to such characters; with `texts` only these themselves and those
    without ASCII letters, since other Latin words are cut smaller: every piece of their best segmentation is still
    there, and nothing is added. Foreign letters become unknown. Weights of dropped pieces are lost.

    Raises UserError for a tokenizer that cannot be pruned.
    """
    pieces = piece_strings(tokenizer)
    kept_V = np.array([_is_korean(piece) for piece in pieces])
    if texts:
        latin_V = np.array([any(c.isascii() and c.isalpha() for c in piece) for piece in pieces])
        single_V = np.array([len(piece.removeprefix(SPACE)) == 1 for piece in pieces])
        kept_V &= ~latin_V | single_V
        for ids in tokenizer(list(texts), verbose=False)["input_ids"]:
            kept_V[ids] = True
    kept_V[special_ids(tokenizer)] = True
    kept_V[: tokenizer.pad_token_id + 1] = True  # XLM-R counts positions from the id of padding
    # An unknown character costs a fixed step more than the rarest piece.
    kept_V[int(np.argmin([score for _, score in _state(tokenizer)["model"]["vocab"]]))] = True
    return np.flatnonzero(kept_V)


def _is_korean(piece: str) -> bool:
    """No letter (or mark on one) that is neither Hangul nor ASCII; digits, signs and the blank sign are fine."""
    return all(
        c.isascii() or "HANGUL" in unicodedata.name(c, "") or unicodedata.category(c)[0] not in "LM" for c in piece
    )


def write_pruned(model: ServedModel, kept_v: np.ndarray, folder: Path) -> PreTrainedTokenizerBase:
    """Write weights and tokenizer of `model` with the pieces `kept_v` (sorted ids) alone; return the tokenizer.

    Raises UserError for a tokenizer that cannot be pruned.
    """
    encoder, mlm = model.encoder, model.encoder.mlm
    new = np.full(encoder.vocab_size, -1)
    new[kept_v] = np.arange(len(kept_v))
    places = {x.data_ptr() for x in (mlm.get_input_embeddings().weight, encoder.decoder.weight, encoder.decoder.bias)}
    with encoder.whole():
        whole = mlm.state_dict()
    state = {name: value[kept_v] if value.data_ptr() in places else value for name, value in whole.items()}
    config = mlm.config.to_dict() | {"vocab_size": len(kept_v)}
    for name in ("pad_token_id", "bos_token_id", "eos_token_id"):
        if config.get(name) is not None:
            config[name] = int(new[config[name]])
    smaller = type(mlm)(type(mlm.config).from_dict(config))
    smaller.load_state_dict(state)
    smaller.save_pretrained(folder)

    model.tokenizer.save_pretrained(folder)
    file = folder / "tokenizer.json"
    file.write_text(json.dumps(_renumbered(_state(model.tokenizer), kept_v, new), ensure_ascii=False), encoding="utf-8")
    return load_tokenizer(folder)


def _state(tokenizer: PreTrainedTokenizerBase) -> dict:
    """tokenizer.json of a Unigram tokenizer."""
    state = json.loads(tokenizer.backend_tokenizer.to_str())
    found = (state["model"]["type"], (state["post_processor"] or {}).get("type"))
    if found != ("Unigram", "TemplateProcessing"):
        raise UserError(f"tokenizer.json: only Unigram with TemplateProcessing can be pruned, not {found}. Use onnx.")
    return state


def _renumbered(state: dict, kept_v: np.ndarray, new: np.ndarray) -> dict:
    """tokenizer.json with the pieces `kept_v`; `new` [V] maps old ids to new ones."""
    model = state["model"]
    model["vocab"] = [model["vocab"][i] for i in kept_v if i < len(model["vocab"])]
    model["unk_id"] = int(new[model["unk_id"]])
    for token in state["added_tokens"]:
        token["id"] = int(new[token["id"]])
    for token in state["post_processor"]["special_tokens"].values():
        token["ids"] = new[token["ids"]].tolist()
    return state
