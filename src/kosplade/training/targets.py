"""What a document should weigh for its morphemes, however the tokenizer cut the words that hold them."""

from collections import Counter
from collections.abc import Sequence

import torch
from tokenizers import Tokenizer
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from kosplade.records.kiwi import Morphemes

SATURATION = 1.2  # k1 of BM25: how slowly a further occurrence stops counting


class MorphemePieces:
    """Pieces of the content morphemes of texts, each morpheme cut as a word of its own, with the weight they deserve.

    A Korean word is a stem with particles and endings, and the tokenizer cuts it as it likes: the document's
    `식당에서도` and the query's `식당을` may share no piece. Both hold the morpheme `식당`.

    A piece that occurs tf times deserves tf (k1 + 1) / (tf + k1): 1 once, at most k1 + 1. It is the share of the
    document in BM25's score (Robertson and Zaragoza 2009, eq. 3.15) without the normalisation by length, b = 0.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase):
        # A copy: the tokenizer that batches are made with pads and cuts what it is given.
        self._tokenizer = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self._morphemes = Morphemes()
        self._pieces: dict[str, list[int]] = {}

    def __call__(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """(ids int64, targets float32) [N, W]: the distinct pieces of each text, rising; padding has target 0."""
        found = self._morphemes.topical(texts)
        new = sorted({form for text in found for form in text} - self._pieces.keys())
        # After a blank, as at the beginning of a word: byte-level BPE has other pieces there.
        encoded = self._tokenizer.encode_batch_fast([f" {form}" for form in new], add_special_tokens=False)
        self._pieces |= {form: one.ids for form, one in zip(new, encoded, strict=True)}
        counts = [Counter(piece for form in text for piece in self._pieces[form]) for text in found]
        width = max(1, *map(len, counts))
        ids_NW = torch.zeros(len(texts), width, dtype=torch.int64)
        tf_NW = torch.zeros(len(texts), width)
        for row, pieces in enumerate(counts):
            ids = sorted(pieces)
            ids_NW[row, : len(ids)] = torch.tensor(ids, dtype=torch.int64)
            tf_NW[row, : len(ids)] = torch.tensor([pieces[piece] for piece in ids], dtype=torch.float32)
        return ids_NW, tf_NW * (SATURATION + 1) / (tf_NW + SATURATION)
