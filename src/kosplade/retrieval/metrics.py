"""Retrieval quality, computed by ir_measures (trec_eval underneath)."""

import ir_measures
from ir_measures import RR, R, nDCG

MEASURES = {"ndcg10": nDCG @ 10, "mrr10": RR @ 10, "recall1": R @ 1, "recall10": R @ 10, "recall100": R @ 100}

Qrels = dict[str, dict[str, int]]
Run = dict[str, dict[str, float]]


def retrieval_metrics(qrels: Qrels, run: Run) -> dict[str, float]:
    """Mean over the queries of `qrels` of every measure in MEASURES, rounded to 6 digits.

    A query that retrieves nothing counts 0; queries of the run without judgements are ignored.
    """
    means = ir_measures.calc_aggregate(MEASURES.values(), qrels, _by_rank(run))
    return {name: round(means[measure], 6) for name, measure in MEASURES.items()}


def per_query(qrels: Qrels, run: Run, measure: str) -> dict[str, float]:
    """One measure (a key of MEASURES) for every query of `qrels`, in that order, for paired tests."""
    results = ir_measures.iter_calc([MEASURES[measure]], qrels, _by_rank(run))
    values = {result.query_id: float(result.value) for result in results}
    return {query_id: values[query_id] for query_id in qrels}


def _by_rank(run: Run) -> Run:
    # trec_eval breaks ties by descending document id, the MS MARCO script behind RR@10 by ascending id.
    # Scores without ties, made from the order of retrieval, let every measure see one and the same ranking.
    ranked = {}
    for query_id, scores in run.items():
        best_first = sorted(scores, key=scores.__getitem__, reverse=True)
        ranked[query_id] = {document_id: -float(rank) for rank, document_id in enumerate(best_first)}
    return ranked
