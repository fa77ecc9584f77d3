"""Several systems on one collection: metrics, paired tests, figures by kind of query."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kosplade.retrieval.beir import Collection
from kosplade.retrieval.kinds import ndcg_by_kind
from kosplade.retrieval.metrics import MEASURES, Run, per_query, retrieval_metrics
from kosplade.retrieval.significance import gains

SAMPLE_SEED = 0  # of the intervals, the tests and the samples: the same for every seed of training


@dataclass(frozen=True)
class Evaluated:
    """`figures` and `kinds` as metrics/eval.json and eval_by_kind.json hold them; nDCG@10 of every system and query.

    `gains` are those of `significance.gains` by every measure; `figures` has those of nDCG@10.
    """

    figures: dict[str, Any]
    kinds: dict[str, Any]
    ndcg10: dict[str, dict[str, float]]
    gains: dict[str, Any]


def evaluate_runs(
    collection: Collection, runs: dict[str, Run], systems: Sequence[str], baselines: Sequence[str]
) -> Evaluated:
    """Metrics of every run, each of `systems` tested against each of `baselines`, nDCG@10 by kind with intervals."""
    values = {
        measure: {name: per_query(collection.qrels, run, measure) for name, run in runs.items()} for measure in MEASURES
    }
    tested = gains(values, systems, baselines, SAMPLE_SEED)
    figures: dict[str, Any] = {"queries": len(collection.queries)}
    figures |= {name: retrieval_metrics(collection.qrels, run) for name, run in runs.items()}
    figures["ndcg10_gain"] = tested["ndcg10"]
    ndcg10 = values["ndcg10"]
    kinds = ndcg_by_kind(ndcg10, collection.query_ids, collection.query_kinds, SAMPLE_SEED)
    return Evaluated(figures, kinds, ndcg10, tested)
