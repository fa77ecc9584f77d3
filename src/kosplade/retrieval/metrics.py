"""Retrieval quality, computed by ir_measures (trec_eval underneath)."""

import ir_measures
from ir_measures import RR, R, nDCG

from kosplade.retrieval.trec import Run, escaped

MEASURES = {"ndcg10": nDCG @ 10, "mrr10": RR @ 10, "recall1": R @ 1, "recall10": R @ 10, "recall100": R @ 100}

Qrels = dict[str, dict[str, int]]


def retrieval_metrics(qrels: Qrels, run: Run) -> dict[str, float]:
    """Mean over the queries of `qrels` of every measure in MEASURES, rounded to 6 digits.

    A query that retrieves nothing counts 0; queries of the run without judgements are ignored.
    """
    means = ir_measures.calc_aggregate(MEASURES.values(), _escaped(qrels), _by_rank(run))
    return {name: round(means[measure], 6) for name, measure in MEASURES.items()}


def per_query(qrels: Qrels, run: Run, measure: str) -> dict[str, float]:
    """One measure (a key of MEASURES) for every query of `qrels`, in that order, for paired tests."""
    results = ir_measures.iter_calc([MEASURES[measure]], _escaped(qrels), _by_rank(run))
    values = {result.query_id: float(result.value) for result in results}
    return {query_id: values[escaped(query_id)] for query_id in qrels}


def _by_rank(run: Run) -> Run:
    # trec_eval breaks ties by descending document id, the MS MARCO script behind RR@10 by ascending id.
    # Scores without ties, made from the order of retrieval, let every measure see one and the same ranking.
    ranked = {}
    for query_id, scores in _escaped(run).items():
        best_first = sorted(scores, key=scores.__getitem__, reverse=True)
        ranked[query_id] = {document_id: -float(rank) for rank, document_id in enumerate(best_first)}
    return ranked


def _escaped(by_query: dict[str, dict]) -> dict[str, dict]:
    # trec_eval is written in C, where a text ends at its first zero byte.
    return {escaped(query): {escaped(id_): value for id_, value in of.items()} for query, of in by_query.items()}
