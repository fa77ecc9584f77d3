"""The sparse encoder and BM25 over morphemes together: one score of two, as OpenSearch's hybrid query makes it."""

import numpy as np

from kosplade.retrieval.metrics import Qrels, per_query
from kosplade.retrieval.trec import Run

WEIGHTS = tuple(tenths / 10 for tenths in range(1, 10))  # of the sparse encoder
EVEN = 0.5  # where no validation queries have chosen
HYBRIDS = {"hybrid": "inference_free", "hybrid_encoded": "encoded"}  # system: the way of making its queries
LEXICAL = "bm25_kiwi"  # the other part of each


def hybrid_run(sparse: Run, lexical: Run, weight: float, depth: int) -> Run:
    """The `depth` best of weight * sparse + (1 - weight) * lexical for the queries of both; ties by the order found.

    Each run's scores are first brought to 0 to 1 within a query, by its largest and its smallest score (1 where they
    are one), and a document that a run lacks has 0 of it: OpenSearch's normalization-processor with `min_max` and
    `arithmetic_mean` (opensearch-project/neural-search), but for its smallest score, which it makes .001.
    """
    return {
        query_id: _best(sparse.get(query_id, {}), lexical.get(query_id, {}), weight, depth)
        for query_id in sparse | lexical
    }


def best_weight(qrels: Qrels, sparse: Run, lexical: Run) -> float:
    """From that of WEIGHTS with the best nDCG@10 towards EVEN, while within a standard error. For validation queries.

    The curve is flat at its top, so where it peaks is chance (the rule: Breiman et al. 1984). Even weights are the
    cautious ones: of text of another field the encoder knows less, and BM25 as much as here.
    """
    runs = [hybrid_run(sparse, lexical, weight, 10) for weight in WEIGHTS]
    values_WQ = np.array([list(per_query(qrels, run, "ndcg10").values()) for run in runs])
    place, even = int(values_WQ.mean(axis=1).argmax()), WEIGHTS.index(EVEN)
    lost_WQ = values_WQ[place] - values_WQ
    is_level_W = lost_WQ.mean(axis=1) <= lost_WQ.std(axis=1) / np.sqrt(len(qrels))
    step = 1 if place < even else -1
    while place != even and is_level_W[place + step]:
        place += step
    return WEIGHTS[place]


def _best(sparse: dict[str, float], lexical: dict[str, float], weight: float, depth: int) -> dict[str, float]:
    one, other = _min_max(sparse), _min_max(lexical)
    scores = {id_: weight * one.get(id_, 0.0) + (1 - weight) * other.get(id_, 0.0) for id_ in one | other}
    return dict(sorted(scores.items(), key=lambda item: -item[1])[:depth])


def _min_max(scores: dict[str, float]) -> dict[str, float]:
    if not scores:
        return {}
    low, high = min(scores.values()), max(scores.values())
    return {id_: (score - low) / (high - low) if high > low else 1.0 for id_, score in scores.items()}
