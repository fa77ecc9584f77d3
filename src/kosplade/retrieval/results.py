"""How results are written: the names of systems and measures, a figure, a table, the tables of metrics/."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from tabulate import tabulate

from kosplade.retrieval.hybrid import HYBRIDS

SYSTEMS = {
    "inference_free": "inference-free queries",
    "encoded": "encoded queries",
    "hybrid": "hybrid: inference-free and BM25",
    "hybrid_encoded": "hybrid: encoded and BM25",
    "bm25": "BM25, same pieces",
    "bm25_kiwi": "BM25, Kiwi morphemes",
    "dense": "dense teacher",
}
BASELINES = ("bm25", "bm25_kiwi", "dense")  # of SYSTEMS: what a model has to beat
QUALITY = {
    "ndcg10": "nDCG@10",
    "mrr10": "MRR@10",
    "recall1": "Recall@1",
    "recall10": "Recall@10",
    "recall100": "Recall@100",
}
COSTS = {"query_nnz": "query nnz", "document_nnz": "document nnz", "flops": "FLOPS", "index_bytes": "index MB"}
NONE = "\N{EN DASH}"


def figure(value: object) -> str:
    """A value as tables hold it: numbers with a fraction have 3 decimals, 1 from 10 on; a dash for none."""
    if not isinstance(value, float):
        return NONE if value is None else str(value)
    if not math.isfinite(value):
        return NONE
    return f"{value:,.1f}" if abs(value) >= 10 else f"{value:.3f}"


def gain(one: Mapping[str, float]) -> str:
    """A difference of two systems and its p value, as `significance.gains` gives them."""
    return f"{one['difference']:+.3f}, p = {one['p_holm']:.4f}"


def quality_cells(measured: Mapping[str, float]) -> dict[str, float]:
    """The measures of QUALITY, by title."""
    return {title: measured[key] for key, title in QUALITY.items()}


def cost_cells(cost: Mapping[str, float]) -> dict[str, float | None]:
    """The figures of COSTS, by title; None for one that was not measured."""
    values = cost | {"index_bytes": cost["index_bytes"] / 1e6} if "index_bytes" in cost else cost
    return {title: values.get(key) for key, title in COSTS.items()}


def format_table(rows: Sequence[Mapping[str, Any] | Sequence[Any]], columns: Sequence[str]) -> str:
    """A Markdown table of `rows`, values by column or in the order of `columns`; numbers stand at the right."""
    values = [[row.get(one) for one in columns] if isinstance(row, Mapping) else row for row in rows]
    align = ["right" if _is_numeric(column) else "left" for column in zip(*values, strict=True)]
    cells = [[figure(value) for value in row] for row in values]
    return tabulate(cells, columns, tablefmt="pipe", colalign=align, disable_numparse=True)


def reported_split(metrics: dict[str, Any]) -> str:
    """The split that results are quoted on: test where there is one (a user's own data has validation only)."""
    return "test" if "test" in metrics else "val"


def retrieval_table(metrics: dict[str, Any], split: str | None = None) -> str:
    """The retrieval table of metrics/eval.json, in Markdown; of the reported split, if no other is asked for."""
    figures = metrics[split or reported_split(metrics)]
    rows = [{"": title} | quality_cells(figures[name]) for name, title in SYSTEMS.items()]
    return format_table(rows, ["", *QUALITY.values()])


def gain_lines(metrics: dict[str, Any], split: str | None = None) -> str:
    """Each way of querying against each baseline, from metrics/eval.json: a Markdown list under its title."""
    figures = metrics[split or reported_split(metrics)]
    pairs = figures["ndcg10_gain"]
    lines = [
        f"- {SYSTEMS[system]} against {SYSTEMS[baseline]}: {gain(one)}"
        for system, baselines in pairs.items()
        for baseline, one in baselines.items()
    ]
    title = f"nDCG@10 compared by a paired randomisation test, p after Holm's correction for {len(lines)} tests:"
    hybrids = []
    for system, parts in figures["hybrid_gain"].items():
        against = "; ".join(f"{SYSTEMS[part]} {gain(one)}" for part, one in parts.items())
        weight = metrics["hybrid_weight"][HYBRIDS[system]]
        hybrids.append(f"- {SYSTEMS[system]}, weight {weight:g} by validation, against its parts: {against}")
    return "\n".join([title, "", *lines, *hybrids])


def kind_table(kinds: dict[str, Any]) -> str:
    """nDCG@10 by kind of query with 95 % intervals, from metrics/eval_by_kind.json, in Markdown."""
    rows = [
        [kind, of["queries"], *("{ndcg10:.3f} ({low:.3f} - {high:.3f})".format_map(of[name]) for name in SYSTEMS)]
        for kind, of in kinds[reported_split(kinds)].items()
    ]
    return format_table(rows, ["nDCG@10", "queries", *SYSTEMS.values()])


def _is_numeric(values: Sequence[object]) -> bool:
    present = [value for value in values if value is not None]
    return bool(present) and all(isinstance(v, int | float) and not isinstance(v, bool) for v in present)
