"""Korean morphemes found by Kiwi: what a search engine with a Korean analyser (OpenSearch with nori) would index."""

from collections.abc import Iterable, Sequence

import numpy as np
from kiwipiepy import Kiwi, Token
from tqdm import tqdm
from transformers import PreTrainedTokenizerBase

# Tags of the Sejong corpus by their beginnings: nouns, verbs and adjectives (VA-I is an irregular one), roots, foreign
# words, numbers, Chinese characters, determiners, adverbs. Particles, endings, affixes and punctuation are left out.
CONTENT = ("N", "V", "XR", "SL", "SN", "SH", "MM", "MAG")
# What carries grammar and no topic: particles, endings, suffixes that make verbs, auxiliary verbs, copulas, bound
# nouns, pronouns, conjunctions, interjections; and four verbs that stand in every text.
FUNCTIONAL = ("J", "E", "XS", "VX", "VCP", "VCN", "NNB", "NP", "MAJ", "IC")
LIGHT_VERBS = ("하", "되", "있", "없")
WORDS = ("V", "XSV", "XSA")  # tags that a light verb may have
TEXTS_AT_ONCE = 1024


class Morphemes:
    """Kiwi with its default dictionary and model, loaded once; it works on all cores."""

    def __init__(self) -> None:
        self._kiwi = Kiwi()

    def __call__(self, texts: Sequence[str], label: str = "morphemes") -> list[list[str]]:
        """The forms of the content morphemes of each text in their order, lower-cased; a text may have none.

        The form of a verb or adjective is its stem, without endings.
        """
        return self._forms(tqdm(self._kiwi.tokenize(texts), desc=label, total=len(texts), unit="text", mininterval=1))

    def topical(self, texts: Sequence[str]) -> list[list[str]]:
        """The same without those that are functional, and without a progress bar: for a few texts at a time."""
        topical = [[token for token in text if not is_functional(token)] for text in self._kiwi.tokenize(texts)]
        return self._forms(topical)

    def functional_characters(self, texts: Sequence[str]) -> list[np.ndarray]:
        """int8 [characters] of each text: 1 in a functional morpheme, -1 in another one or in both, 0 in none."""
        marked = []
        for text, tokens in zip(texts, self._kiwi.tokenize(texts), strict=True):
            marks = np.zeros(len(text), dtype=np.int8)
            for token in sorted(tokens, key=is_functional, reverse=True):
                marks[token.start : token.end] = 1 if is_functional(token) else -1
            marked.append(marks)
        return marked

    def _forms(self, analysed: Iterable[list[Token]]) -> list[list[str]]:
        return [[token.form.lower() for token in text if token.tag.startswith(CONTENT)] for text in analysed]


def is_functional(token: Token) -> bool:
    """Whether a morpheme is grammar rather than topic, by its tag."""
    return token.tag.startswith(FUNCTIONAL) or (token.tag.startswith(WORDS) and token.form in LIGHT_VERBS)


def functional_share(texts: Sequence[str], tokenizer: PreTrainedTokenizerBase, label: str) -> np.ndarray:
    """float32 [V]: the share of a piece's occurrences that are functional, 0 for pieces that do not occur.

    An occurrence is functional if most of its characters that lie in a morpheme lie in a functional one. `label` names
    the progress bar.
    """
    morphemes = Morphemes()
    functional_V, occurs_V = np.zeros(len(tokenizer)), np.zeros(len(tokenizer))
    for start in tqdm(range(0, len(texts), TEXTS_AT_ONCE), desc=label, unit=f"{TEXTS_AT_ONCE} texts", mininterval=1):
        part = list(texts[start : start + TEXTS_AT_ONCE])
        encoded = tokenizer(part, add_special_tokens=False, return_offsets_mapping=True)
        for marks, ids, offsets in zip(
            morphemes.functional_characters(part), encoded["input_ids"], encoded["offset_mapping"], strict=True
        ):
            # Sums of marks up to each character: the marks of a piece are a difference of two.
            sums = np.concatenate([[0], marks.cumsum(dtype=np.int64)])
            known = np.concatenate([[0], np.abs(marks).cumsum(dtype=np.int64)])
            begin, end = np.array(offsets, dtype=np.int64).reshape(-1, 2).T
            ids = np.array(ids, dtype=np.int64)
            is_known = known[end] > known[begin]
            np.add.at(occurs_V, ids[is_known], 1)
            np.add.at(functional_V, ids[is_known & (sums[end] > sums[begin])], 1)
    return (functional_V / np.maximum(occurs_V, 1)).astype(np.float32)
