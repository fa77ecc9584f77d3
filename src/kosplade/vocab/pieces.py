"""What each piece of a vocabulary is: Hangul, ASCII, special; and which pieces are masked as stopwords."""

import re
import unicodedata
from functools import lru_cache
from pathlib import Path

import numpy as np
from transformers import PreTrainedTokenizerBase

from kosplade.errors import UserError

SPACE = "▁"  # how SentencePiece writes the blank before a word
PUNCTUATION = ".,!?:;-'\"()[]"
PART = "\ufffd"  # what a piece decodes to that is a part of a character
_HANGUL = re.compile("[\uac00-\ud7a3\u1100-\u11ff\u3130-\u318f]")


def piece_strings(tokenizer: PreTrainedTokenizerBase) -> list[str]:
    """The pieces in id order."""
    return tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))


def piece_texts(tokenizer: PreTrainedTokenizerBase) -> list[str]:
    """What each piece adds to a text that ends with a letter, in id order, whatever the vocabulary spells it like.

    It begins with a blank where the piece begins a word, and has U+FFFD for a part of a character (byte-level BPE).
    """
    return _piece_texts(tokenizer, len(tokenizer))  # the length: pieces may have been added since


@lru_cache(maxsize=1)
def _piece_texts(tokenizer: PreTrainedTokenizerBase, size: int) -> list[str]:
    backend = tokenizer.backend_tokenizer
    letter = backend.encode("a", add_special_tokens=False).ids  # the piece of unknown characters does as well
    decoded = backend.decode_batch([letter, *([*letter, id_] for id_ in range(size))], skip_special_tokens=False)
    return [text.removeprefix(decoded[0]) for text in decoded[1:]]


def begins_word(tokenizer: PreTrainedTokenizerBase) -> np.ndarray:
    """bool [V]: pieces that begin a word."""
    return np.array([text.startswith(" ") for text in piece_texts(tokenizer)])


def hangul_mask(tokenizer: PreTrainedTokenizerBase) -> np.ndarray:
    """bool [V]: pieces that contain a Hangul syllable or letter."""
    return np.array([_HANGUL.search(text) is not None for text in piece_texts(tokenizer)])


def ascii_mask(tokenizer: PreTrainedTokenizerBase) -> np.ndarray:
    """bool [V]: pieces that are ASCII."""
    return np.array([text.isascii() for text in piece_texts(tokenizer)])


def special_ids(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Ids of the tokenizer's special pieces (begin, end, padding, unknown, mask), sorted."""
    return sorted(set(tokenizer.all_special_ids))


def plain_pieces(tokenizer: PreTrainedTokenizerBase, texts: list[str], max_length: int) -> list[list[int]]:
    """Piece ids of texts cut to `max_length` as a model cuts them (special pieces count), the special ones left out."""
    special = set(special_ids(tokenizer))
    encoded = tokenizer(texts, truncation=True, max_length=max_length)["input_ids"]
    return [[piece for piece in ids if piece not in special] for ids in encoded]


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
        if hidden := next((word for word in found if not word.isprintable()), None):
            raise UserError(f"{path}:{number}: word {hidden!r} has an invisible character in it. Write it anew.")
    if not words:
        raise UserError(f"{path}: no words. Put one word a line.")
    return list(dict.fromkeys(words))


def stopword_ids(words: list[str], tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Sorted ids that the stopword mask covers: of the words, of punctuation and the blank, and of special pieces."""
    found = stopword_pieces([*words, *PUNCTUATION, ""], tokenizer)
    return sorted({*special_ids(tokenizer)}.union(*found.values()))


def stopword_pieces(words: list[str], tokenizer: PreTrainedTokenizerBase) -> dict[str, set[int]]:
    """Ids that each word masks: none if the vocabulary cuts it inside a character or does not know it.

    They are the pieces that are the word, whether they begin a word or continue one, and those that it is cut into at
    the beginning of a text and behind a blank. A part of a character is part of many others, so no cut with one counts.
    """
    texts = piece_texts(tokenizer)
    lost = {id_ for id_, text in enumerate(texts) if PART in text} | {tokenizer.unk_token_id}
    found = {word: set() for word in words}
    for id_, text in enumerate(texts):
        word = unicodedata.normalize("NFC", text.removeprefix(" "))  # some vocabularies hold syllables as letters
        if word in found:
            found[word].add(id_)
    for before in ("", "가 "):
        start = len(tokenizer(before.rstrip(), add_special_tokens=False)["input_ids"])
        for word, ids in found.items():
            cut = tokenizer(before + word, add_special_tokens=False)["input_ids"][start:]
            if lost.isdisjoint(cut):
                ids.update(cut)
    return found
