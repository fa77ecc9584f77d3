"""The pieces that a document should carry for its morphemes, however the tokenizer cut the words that hold them."""

from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from kosplade.retrieval.morphemes import Morphemes


class MorphemePieces:
    """Pieces of the content morphemes of texts, each morpheme cut as a word of its own.

    A Korean word is a stem with particles and endings, and the tokenizer cuts it as it likes: the document's
    `식당에서도` and the query's `식당을` may share no piece. Both hold the morpheme `식당`.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase):
        self._tokenizer = tokenizer.backend_tokenizer
        self._morphemes = Morphemes()
        self._pieces: dict[str, list[int]] = {}

    def __call__(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """(ids, mask) int64 [N, W]: the distinct pieces of each text, rising, padded with id 0 where mask is 0."""
        found = self._morphemes.plain(texts)
        new = sorted({form for text in found for form in text} - self._pieces.keys())
        encoded = self._tokenizer.encode_batch_fast(new, add_special_tokens=False)
        self._pieces |= {form: one.ids for form, one in zip(new, encoded, strict=True)}
        rows = [sorted({piece for form in text for piece in self._pieces[form]}) for text in found]
        width = max(1, *map(len, rows))
        ids_NW = torch.tensor([row + [0] * (width - len(row)) for row in rows])
        mask_NW = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows])
        return ids_NW, mask_NW
