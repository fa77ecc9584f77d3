"""Korean morphemes found by Kiwi: what a search engine with a Korean analyser (OpenSearch with nori) would index."""

from collections.abc import Iterable, Sequence

from kiwipiepy import Kiwi, Token
from tqdm import tqdm

# Tags of the Sejong corpus by their beginnings: nouns, verbs and adjectives (VA-I is an irregular one), roots, foreign
# words, numbers, Chinese characters, determiners, adverbs. Particles, endings, affixes and punctuation are left out.
CONTENT = ("N", "V", "XR", "SL", "SN", "SH", "MM", "MAG")


class Morphemes:
    """Kiwi with its default dictionary and model, loaded once; it works on all cores."""

    def __init__(self) -> None:
        self._kiwi = Kiwi()

    def __call__(self, texts: Sequence[str], label: str = "morphemes") -> list[list[str]]:
        """The forms of the content morphemes of each text in their order, lower-cased; a text may have none.

        The form of a verb or adjective is its stem, without endings.
        """
        return self._forms(tqdm(self._kiwi.tokenize(texts), desc=label, total=len(texts), unit="text", mininterval=1))

    def plain(self, texts: Sequence[str]) -> list[list[str]]:
        """The same without a progress bar, for a few texts at a time."""
        return self._forms(self._kiwi.tokenize(texts))

    def _forms(self, analysed: Iterable[list[Token]]) -> list[list[str]]:
        return [[token.form.lower() for token in text if token.tag.startswith(CONTENT)] for text in analysed]
