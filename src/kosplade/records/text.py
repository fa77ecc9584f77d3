"""Korean text: cleaning, ids, sentences, passages, a test for prose, near-duplicates."""

import hashlib
import math
import re
import unicodedata
import zlib
from collections.abc import Iterable, Iterator

SHORTEST_PASSAGE = 45
AIM = 120

_INVISIBLE = re.compile(
    r"[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u200b-\u200f\u2028-\u202e\ue000-\uf8ff\ufeff\ufffd]"
)
# Possessive, and only from the first mark of a run: a line of a million dots takes linear time.
_SENTENCE_END = re.compile(r"""(?<![.!?])[.!?]++…*+["”’')\]」』]*+\s+""")
# A sentence that ran into the next one: "축하합니다.지난 4년".
_LOST_SPACE = re.compile(r"(?<=[가-힣][.!?])(?=[가-힣‘“「『0-9])")
# Words of running Korean end in a particle or a verb ending; words of tables and menus rarely do.
_FUNCTIONAL = re.compile(
    r"[가-힣](?:[은는이가을를의에도로와과고며면서지다요게한할된될인든나만여해함음됨기]|까지|부터|처럼|보다|니까|시오|하여)"
    r"[.,!?)\]\"”’]*$"
)
_CLOSING = re.compile(r"""(?:[.!?…]|[함음됨임것]|가능|필요|불가|예정|바람|마련)["”’')\]]*$""")
_UNSEEN = {"Cc", "Cf", "Co", "Cs", "Zl", "Zp", "Zs"}  # Unicode categories
_FILLERS = "\u115f\u1160\u2800\u3164\uffa0\ufffd"  # letters and signs that show nothing, or that none was there
_GRID = re.compile(r"\|.*\||\.{4,}|·{4,}|…{2,}|[-=_─━]{4,}|[{}<>;]|->|→|://|```|[□■☐]\s*[□■☐]|쉞")


def has_half_character(text: str) -> bool:
    """Whether a text holds a lone surrogate, which JSON can write and UTF-8 cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def is_blank(text: str) -> bool:
    """Whether nothing of a text can be seen: it holds blanks, control characters and invisible marks alone."""
    return all(c in _FILLERS or unicodedata.category(c) in _UNSEEN for c in text)


def clean(text: str) -> str:
    """NFC, without invisible characters, every run of whitespace one space."""
    return " ".join(_INVISIBLE.sub(" ", unicodedata.normalize("NFC", text)).split())


def text_id(text: str) -> str:
    """First 16 hex digits of the sha256 of the cleaned text."""
    return hashlib.sha256(clean(text).encode()).hexdigest()[:16]


def sentences(text: str) -> Iterator[str]:
    """Split into cleaned sentences: at line ends, and after . ! ? but not after numbers and enumerators."""
    for line in text.splitlines():
        line = _LOST_SPACE.sub(" ", clean(line))
        start = 0
        for match in _SENTENCE_END.finditer(line):
            if match.start() - start > 3 and not line[match.start() - 1].isdigit():
                yield line[start : match.end()].strip()
                start = match.end()
        if line[start:].strip():
            yield line[start:].strip()


def passages(text: str, max_chars: int) -> list[str]:
    """Cut into passages of whole neighbouring sentences, even in length, at most `max_chars` long.

    A sentence that is longer itself is left out, and no passage reaches across it.
    """
    found: list[str] = []
    run: list[str] = []
    for sentence in sentences(text):
        if len(sentence) <= max_chars:
            run.append(sentence)
        else:
            found += _pack(run, max_chars)
            run = []
    return found + _pack(run, max_chars)


def _pack(run: list[str], max_chars: int) -> list[str]:
    total = sum(map(len, run)) + len(run) - 1
    if total <= 0:
        return []
    target = total / math.ceil(total / max_chars)
    packed = [run[0]]
    for sentence in run[1:]:
        joined = f"{packed[-1]} {sentence}"
        fits = len(joined) <= max_chars
        if fits and (len(packed[-1]) < AIM or abs(len(joined) - target) <= abs(len(packed[-1]) - target)):
            packed[-1] = joined
        else:
            packed.append(sentence)
    return packed


def is_prose(text: str) -> bool:
    """Whether a passage is running Korean: no table, code, menu, dotted leader or grid of numbers."""
    words = text.split()
    letters = [c for c in text if not c.isspace()]
    if len(words) < 7 or _GRID.search(text) or not _CLOSING.search(text):
        return False
    hangul = sum("가" <= c <= "힣" for c in letters)
    digits = sum(c.isdigit() for c in letters)
    functional = sum(_FUNCTIONAL.search(word) is not None for word in words)
    return hangul >= 0.6 * len(letters) and digits <= 0.15 * len(letters) and functional >= 0.4 * len(words)


def normalised(text: str) -> str:
    """Letters and digits only, lower case: two texts that differ in spacing and punctuation are equal."""
    return "".join(c for c in unicodedata.normalize("NFKC", text).lower() if c.isalnum())


def text_key(text: str) -> str:
    """An id that texts share if they differ in case, spacing, punctuation or invisible marks only."""
    return text_id(normalised(text) or text)  # a text of signs alone is itself


def text_number(text: str) -> int:
    """`text_key` as a number of 64 bits."""
    return int(text_key(text), 16)


def shingles(text: str, width: int = 10) -> set[int]:
    """Hashes of all runs of `width` characters of the normalised text."""
    data = normalised(text)
    return {zlib.crc32(data[i : i + width].encode()) for i in range(max(1, len(data) - width + 1))}


class Seen:
    """Texts met so far; a text of which half has been met, in one place or several, is a near-duplicate."""

    def __init__(self) -> None:
        self._shingles: set[int] = set()

    def is_new(self, text: str) -> bool:
        """Whether `text` is new; if so it counts as met from now on."""
        mine = shingles(text)
        if len(mine & self._shingles) > 0.5 * len(mine):
            return False
        self._shingles |= mine
        return True


def bigrams(text: str) -> list[str]:
    """Character bigrams inside the words of a text: what a word shares with its inflected forms."""
    words = re.findall(r"\w+", text.lower())
    return [word[i : i + 2] for word in words for i in range(max(1, len(word) - 1))]


class Overlap:
    """How much of a query's vocabulary a text covers; bigrams that are rare in the corpus weigh more."""

    def __init__(self, corpus: Iterable[str]) -> None:
        self._documents = 0
        self._counts: dict[str, int] = {}
        for text in corpus:
            self._documents += 1
            for bigram in set(bigrams(text)):
                self._counts[bigram] = self._counts.get(bigram, 0) + 1

    def weight(self, bigram: str) -> float:
        """Inverse document frequency of a bigram."""
        return math.log(1 + self._documents / (1 + self._counts.get(bigram, 0)))

    def rarity(self, text: str) -> float:
        """Mean weight of the bigrams of a text."""
        weights = [self.weight(bigram) for bigram in bigrams(text)]
        return sum(weights) / len(weights) if weights else 0.0

    def share(self, query: str, text: str) -> float:
        """Weighted share of the query's bigrams that occur in the text, 0 to 1."""
        wanted = sorted(set(bigrams(query)))
        present = set(bigrams(text))
        total = sum(map(self.weight, wanted))
        return sum(self.weight(b) for b in wanted if b in present) / total if total else 0.0
