"""What each piece of a vocabulary is: Hangul, ASCII, special; and which pieces are masked as stopwords."""

import unicodedata
from pathlib import Path

import numpy as np
from transformers import PreTrainedTokenizerBase

from kosplade.errors import UserError
from kosplade.files import is_blank

SPACE = "▁"  # how SentencePiece writes the blank before a word
PUNCTUATION = ".,!?:;-'\"()[]"


def piece_strings(tokenizer: PreTrainedTokenizerBase) -> list[str]:
    """The pieces in id order."""
    return tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))


def hangul_mask(tokenizer: PreTrainedTokenizerBase) -> np.ndarray:
    """bool [V]: pieces that contain a Hangul syllable or letter."""
    return np.array([any(_is_hangul(c) for c in piece) for piece in piece_strings(tokenizer)])


def ascii_mask(tokenizer: PreTrainedTokenizerBase) -> np.ndarray:
    """bool [V]: pieces that are ASCII apart from the blank sign."""
    return np.array([piece.replace(SPACE, "").isascii() for piece in piece_strings(tokenizer)])


def special_ids(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Ids of the tokenizer's special pieces (begin, end, padding, unknown, mask), sorted."""
    return sorted(set(tokenizer.all_special_ids))


def plain_pieces(tokenizer: PreTrainedTokenizerBase, texts: list[str], max_length: int) -> list[list[int]]:
    """Piece ids of texts cut to `max_length` as a model cuts them (special pieces count), the special ones left out."""
    special = set(special_ids(tokenizer))
    encoded = tokenizer(texts, truncation=True, max_length=max_length)["input_ids"]
    return [[piece for piece in ids if piece not in special] for ids in encoded]


def _is_hangul(char: str) -> bool:
    return "\uac00" <= char <= "\ud7a3" or "\u1100" <= char <= "\u11ff" or "\u3130" <= char <= "\u318f"


def read_stopwords(path: Path) -> list[str]:
    """Words of a stopword file, NFC, one or more a line, `#` starts a comment; order kept, repeats dropped.

    Raises UserError for a file that is missing, not UTF-8 or without words, and for a word with an invisible character
    in it, which would mask something else than is seen.
    """
    try:
        lines = unicodedata.normalize("NFC", Path(path).read_text(encoding="utf-8-sig")).split("\n")
    except FileNotFoundError:
        raise UserError(f"{path} not found. Restore it: git checkout {path}") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 (byte {error.start}). Save it as UTF-8.") from None
    except OSError as error:
        raise UserError(f"{path} cannot be opened ({error.strerror}). Restore it: git checkout {path}") from None
    words = []
    for number, line in enumerate(lines, start=1):
        words += (found := line.split("#")[0].split())
        if hidden := next((word for word in found if any(map(is_blank, word))), None):
            raise UserError(f"{path}:{number}: word {hidden!r} has an invisible character in it. Write it anew.")
    if not words:
        raise UserError(f"{path}: no words. Put one word a line.")
    return list(dict.fromkeys(words))


def stopword_ids(words: list[str], tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Sorted ids that the stopword mask covers.

    For each word: its pieces, its pieces after a blank, and the entries `word` and `▁word` where they exist. Then the
    special pieces, the punctuation with and without the blank sign, and the blank sign alone.
    """
    vocab = tokenizer.get_vocab()
    ids = set(special_ids(tokenizer))
    for word in words:
        ids.update(tokenizer(word, add_special_tokens=False)["input_ids"])
        ids.update(tokenizer(f"가 {word}", add_special_tokens=False)["input_ids"][1:])
    for entry in [*words, *PUNCTUATION, ""]:
        ids.update(vocab[form] for form in (entry, SPACE + entry) if form in vocab)
    return sorted(ids)
