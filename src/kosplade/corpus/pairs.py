"""(query, positive) pairs out of the structure of the documents."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kosplade.corpus.documents import Passage
from kosplade.records.text import SHORTEST_PASSAGE, Overlap, normalised, sentences

KINDS = ("title", "press", "question", "heading", "sentence", "english")
POSITIVES_OF_A_TITLE = 3
SENTENCES_OF_A_PASSAGE = 1
# Below this share of its bigrams in the rest of the passage a sentence is about something else.
LEAST_SHARED = 0.18

# A sentence that points back, or only links, cannot be searched for by itself.
_DEPENDENT = re.compile(
    r"^(?:이|그|저|그러고|그러고도|이런|그런|이러한|그러한|이렇게|그렇게|이것|그것|이는|이를|이와|이에|이번|또|또한|그리고|그러나|그래서|그런데|"
    r"하지만|따라서|그러므로|특히|다만|단|한편|아울러|더불어|여기|거기|우선|먼저|물론|즉|왜냐하면|예|네|다음)[\s,은는]"
)
_FORMULA = re.compile(
    r"여러분[,.!]*$|(?:감사|축하|환영|기원|당부|부탁|다짐|약속)(?:드립|합|하며|하고).{0,8}$|"
    r"각 호|별표|별지|^[①-⑳]|\d항$"
)


@dataclass(frozen=True)
class Pair:
    """A query, the text that answers it, and the passage that text comes from."""

    query: str
    positive: str
    kind: str
    passage: Passage


def build_pairs(passages: Sequence[Passage]) -> list[Pair]:
    """Build the pairs of every kind; of two equal queries about different sections neither is kept."""
    overlap = Overlap(passage.text for passage in passages)
    pairs = [*_structural(passages, overlap), *_titles(passages, overlap), *_sentences(passages, overlap)]
    places = defaultdict(set)
    for pair in pairs:
        section = None if pair.kind == "title" else pair.passage.section
        places[normalised(pair.query)].add((pair.kind, pair.passage.document.key, section))
    return [pair for pair in pairs if len(places[normalised(pair.query)]) == 1]


def _structural(passages: Sequence[Passage], overlap: Overlap) -> Iterator[Pair]:
    """Headings, questions and English twins, each with the passage of its section that fits best."""
    by_section = defaultdict(list)
    for passage in passages:
        by_section[passage.document.key, passage.section].append(passage)
    documents = {passage.document.key: passage.document for passage in passages}
    asked = [(d.title, query) for d in documents.values() for s in d.sections for _, query in s.queries]
    repeats = Counter(normalised(query) for _, query in asked)
    repeats.update(normalised(title + query) for title, query in asked if title)
    for found in by_section.values():
        document = found[0].document
        for kind, query in document.sections[found[0].section].queries:
            says_more = normalised(query) not in normalised(document.title)
            if kind == "heading" and document.title and says_more and repeats[normalised(query)] > 1:
                # "주의 사항" says nothing by itself; "계좌이체 취소 API 주의 사항" does.
                query = f"{document.title} {query}"
            if repeats[normalised(query)] == 1 and _is_specific(kind, query):
                best = max(found, key=lambda passage: overlap.share(query, passage.text))
                yield Pair(query, best.text, kind, best)


def _titles(passages: Sequence[Passage], overlap: Overlap) -> Iterator[Pair]:
    """A title with the passages of its document that share most of its words."""
    by_document = defaultdict(list)
    for passage in passages:
        by_document[passage.document.key].append(passage)
    repeats = Counter(normalised(found[0].document.title) for found in by_document.values())
    for found in by_document.values():
        title = found[0].document.title
        if repeats[normalised(title)] > 1 or not _is_specific("title", title):
            continue
        scored = sorted(((overlap.share(title, p.text), p) for p in found), key=lambda item: -item[0])
        for share, passage in scored[:POSITIVES_OF_A_TITLE]:
            if share >= 0.35:
                yield Pair(title, passage.text, "title", passage)


def _sentences(passages: Sequence[Passage], overlap: Overlap) -> Iterator[Pair]:
    """The most telling sentences of a passage, each with the rest: the answer never contains the query."""
    repeats = Counter(normalised(part) for passage in passages for part in sentences(passage.text))
    for passage in passages:
        parts = list(sentences(passage.text))
        found = []
        for index, part in enumerate(parts):
            rest = " ".join(parts[:index] + parts[index + 1 :])
            if repeats[normalised(part)] > 1 or not _is_informative(part) or len(rest) < SHORTEST_PASSAGE:
                continue
            if (share := overlap.share(part, rest)) >= LEAST_SHARED:
                found.append((share * overlap.rarity(part), part, rest))
        found.sort(key=lambda item: (-item[0], item[1]))
        for _, query, rest in found[:SENTENCES_OF_A_PASSAGE]:
            yield Pair(query, rest, "sentence", passage)


def _is_specific(kind: str, query: str) -> bool:
    letters = len(normalised(query))
    if kind in ("heading", "title"):
        return 7 <= letters <= 60 and len(query.split()) >= 2 and bool(re.search("[가-힣]", query))
    return letters >= 15


def _is_informative(sentence: str) -> bool:
    return (
        15 <= len(sentence) <= 80
        and len(sentence.split()) >= 4
        and not _DEPENDENT.search(sentence)
        and not _FORMULA.search(sentence)
    )
