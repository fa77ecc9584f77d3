"""One text as the model sees it: the weights of its own pieces, and the heaviest pieces of its vector."""

import numpy as np
from scipy.sparse import csr_matrix
from transformers import PreTrainedTokenizerBase

from kosplade.analysis.histograms import PIECE_KINDS
from kosplade.vocab.pieces import SPACE, special_ids


def token_view(
    text: str,
    vector_1V: csr_matrix,
    tokenizer: PreTrainedTokenizerBase,
    kinds_V: np.ndarray,
    max_length: int,
    top: int = 15,
    expansions: int = 12,
) -> dict:
    """Return {"text", "own", "top"} of a text and its vector (CSR [1, V], non-negative).

    `tokenizer` is a fast one, `kinds_V` as `weights.piece_kinds` gives it, `max_length` counts special pieces too.

    - own: {"piece", "start", "end", "weight", "kind"} of every piece of the text in order; special pieces and what
      lies past `max_length` are left out. A piece that repeats has the same weight each time, since weights are maxima
      over positions.
    - top: {"piece", "weight", "kind", "in_text"} of the `top` heaviest pieces of the vector and of its `expansions`
      heaviest that are not in the text (`in_text` false), ties by id.

    `text[start:end]` (code points) is what a piece was read from. These spans rise and never overlap, so a reader may
    mark them one after the other. That makes some of them empty: of a blank sign alone, and of each further piece that
    normalisation took from one character ("㈜" becomes "(", "주" and ")").
    """
    weights = dict(zip(vector_1V.indices.tolist(), vector_1V.data.tolist(), strict=True))
    own_ids, spans = _own_pieces(text, tokenizer, max_length)
    in_text = set(own_ids)
    ranked = sorted((id_ for id_ in weights if weights[id_] > 0), key=lambda id_: (-weights[id_], id_))
    chosen = {*ranked[:top], *[id_ for id_ in ranked if id_ not in in_text][:expansions]}
    top_ids = [id_ for id_ in ranked if id_ in chosen]

    def described(id_: int, piece: str) -> dict:
        return {"piece": piece, "weight": round(weights.get(id_, 0.0), 6), "kind": PIECE_KINDS[kinds_V[id_]]}

    own_pieces, top_pieces = (tokenizer.convert_ids_to_tokens(ids) for ids in (own_ids, top_ids))
    own = [
        described(id_, piece) | {"start": start, "end": end}
        for id_, piece, (start, end) in zip(own_ids, own_pieces, spans, strict=True)
    ]
    heaviest = [
        described(id_, piece) | {"in_text": id_ in in_text} for id_, piece in zip(top_ids, top_pieces, strict=True)
    ]
    return {"text": text, "own": own, "top": heaviest}


def _own_pieces(
    text: str, tokenizer: PreTrainedTokenizerBase, max_length: int
) -> tuple[list[int], list[tuple[int, int]]]:
    """Ids of the pieces of a text without special ones, and for each the disjoint span it was read from."""
    encoded = tokenizer(text, truncation=True, max_length=max_length, return_offsets_mapping=True)
    special = {*special_ids(tokenizer)}
    blank = tokenizer.convert_tokens_to_ids(SPACE)
    ids, spans, last = [], [], 0
    for id_, (start, end) in zip(encoded["input_ids"], encoded["offset_mapping"], strict=True):
        if id_ in special:
            continue
        # The tokenizer gives a blank sign alone the first character of the word behind it, which the next piece owns.
        start = max(start, last)
        last = start if id_ == blank else max(start, end)
        ids.append(id_)
        spans.append((start, last))
    return ids, spans
