"""Hard negatives: what BM25 over character bigrams ranks high for a query and is not its answer."""

from collections.abc import Mapping, Sequence, Set

import numpy as np
from tqdm import tqdm

from kosplade.corpus.documents import Passage
from kosplade.corpus.pairs import Pair
from kosplade.records.text import bigrams, shingles

# Ranks looked at: enough to skip the passages of the query's own document.
DEPTH = 100


def hard_negatives(
    pairs: Sequence[Pair], passages: Sequence[Passage], count: int, answers: Mapping[str, Set[str]]
) -> list[list[str]]:
    """For each pair the `count` best-ranked passages of other documents, hardest first.

    Give only training passages. Those that repeat half of the positive are left out: they may answer too. So are those
    that `answers` (query to texts) names.
    """
    if count == 0 or not passages:
        return [[] for _ in pairs]
    import bm25s

    texts = [passage.text for passage in passages]
    keys = [passage.document.key for passage in passages]
    index = bm25s.BM25(method="lucene")
    index.index([bigrams(text) for text in texts], show_progress=False)
    known = index.vocab_dict
    found = []
    # One query at a time: memory stays that of one row of scores.
    for pair in tqdm(pairs, desc="hard negatives", leave=False):
        tokens = [token for token in bigrams(pair.query) if token in known]
        ranked = _best(index.get_scores(tokens)) if tokens else []
        found.append(_pick(pair, ranked, texts, keys, count, answers.get(pair.query, frozenset())))
    return found


def _best(scores: np.ndarray) -> np.ndarray:
    """Places of the DEPTH highest scores above 0; equal scores in the order of the passages."""
    depth = min(DEPTH, len(scores))
    places = np.flatnonzero(scores >= max(np.partition(scores, -depth)[-depth], np.finfo(np.float32).tiny))
    return places[np.argsort(-scores[places], kind="stable")]


def _pick(
    pair: Pair, ranked: Sequence[int], texts: list[str], keys: list[str], count: int, answers: Set[str]
) -> list[str]:
    own = shingles(pair.positive)
    picked: list[str] = []
    for place in ranked:
        if keys[place] == pair.passage.document.key or texts[place] in answers:
            continue
        theirs = shingles(texts[place])
        if len(own & theirs) <= 0.5 * min(len(own), len(theirs)):
            picked.append(texts[place])
            if len(picked) == count:
                break
    return picked
