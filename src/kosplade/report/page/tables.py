"""The rows of the report's tables: figures of two experiments beside each other, as text."""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kosplade.export.card import SYSTEMS, reported_split
from kosplade.report.experiments import Experiment
from kosplade.report.page.verdict import BASELINES, STOPWORD_TARGET, WAYS


@dataclass(frozen=True)
class Headline:
    """One figure of metrics/<file>.json with the guide's target; `reaches` also gets BM25's nDCG@10.

    `sign` is 1 where more is better, -1 where less is, 0 where it is only there to compare with.
    """

    title: str
    file: str
    keys: tuple[str, ...]
    sign: int
    target: str = ""
    reaches: Callable[[float, float], bool] | None = None


HEADLINES = (
    Headline(
        "nDCG@10, inference-free queries",
        "eval",
        ("inference_free", "ndcg10"),
        1,
        "not below BM25",
        lambda x, bm25: x >= bm25,
    ),
    Headline("nDCG@10, encoded queries", "eval", ("siamese", "ndcg10"), 1, "not below BM25", lambda x, bm25: x >= bm25),
    Headline("nDCG@10, BM25 over the same pieces", "eval", ("bm25", "ndcg10"), 0),
    Headline("nDCG@10, BM25 over Kiwi morphemes", "eval", ("bm25_kiwi", "ndcg10"), 0),
    Headline("nDCG@10, dense teacher", "eval", ("dense", "ndcg10"), 0),
    Headline(
        "semantic pieces in the top 10", "sparsity", ("semantic_top10",), 1, "0.80 or more", lambda x, _: x >= 0.8
    ),
    Headline(
        "stopword activation",
        "sparsity",
        ("stopword_activation",),
        -1,
        f"below {STOPWORD_TARGET}",
        lambda x, _: x < STOPWORD_TARGET,
    ),
    Headline("semantic ratio", "sparsity", ("semantic_ratio",), 1, "above 1", lambda x, _: x > 1),
    Headline("foreign activation", "sparsity", ("foreign_activation",), -1),
    Headline("pieces a document", "sparsity", ("document_nnz",), -1),
    Headline("retrieval FLOPS, inference-free", "cost", ("inference_free", "flops"), -1),
)
COSTS = {
    "query_nnz": "non-zeros, query",
    "document_nnz": "non-zeros, document",
    "flops": "FLOPS",
    "index_bytes": "index, MB",
}
MB = 1_000_000
MINUS = "\N{MINUS SIGN}"


def figure(experiment: Experiment, row: Headline) -> float | None:
    """One figure of the reported split; None if the experiment is older than it."""
    values: Any = experiment.metrics[row.file]
    if row.file == "eval":
        values = values[reported_split(values)]
    for key in row.keys:
        values = values.get(key, {})
    return None if values == {} else values


def number(value: float | None) -> str:
    """A figure as the tables print it: 3 decimals, 1 from 10 on; a dash for None and what is not finite."""
    if value is None or not math.isfinite(value):
        return "\N{EN DASH}"
    return f"{value:,.1f}" if abs(value) >= 10 else f"{value:.3f}"


def headline_rows(base: Experiment, new: Experiment) -> list[dict]:
    """The figures that matter: values, change, whether it is better or worse, target and whether each reaches it."""
    rows = []
    for row in HEADLINES:
        pair = [figure(base, row), figure(new, row)]
        if pair == [None, None]:
            continue
        rows.append(
            {
                "title": row.title,
                "cells": [
                    {"text": number(value), "met": _met(row, value, one)}
                    for value, one in zip(pair, (base, new), strict=True)
                ],
                "target": row.target,
                **_change(row.sign, *pair),
            }
        )
    return rows


def _met(row: Headline, value: float | None, experiment: Experiment) -> bool | None:
    if row.reaches is None or value is None:
        return None
    bm25 = experiment.metrics["eval"][reported_split(experiment.metrics["eval"])]["bm25"]["ndcg10"]
    return row.reaches(value, bm25)


def _change(sign: int, base: float | None, new: float | None) -> dict[str, str]:
    if base is None or new is None:
        return {"change": "", "arrow": "", "outcome": ""}
    if number(base) == number(new):
        return {"change": "equal", "arrow": "", "outcome": ""}
    difference = new - base
    sense = "" if not sign else "better" if difference * sign > 0 else "worse"
    change = f"{'+' if difference > 0 else MINUS}{number(abs(difference))}"
    return {"change": change, "arrow": "▲" if difference > 0 else "▼", "outcome": sense}


def kind_rows(base: Experiment, new: Experiment) -> list[dict]:
    """nDCG@10 with its interval by kind of query, None where it was not measured.

    Cells are those of each way of querying, in `base` and in `new`, then those of `baselines_shown`.
    """
    of_base, of_new = (one.metrics["eval_by_kind"] for one in (base, new))
    of_base, of_new = of_base[reported_split(of_base)], of_new[reported_split(of_new)]
    rows = []
    for kind, figures in of_new.items():
        pairs = [(of_base.get(kind, {}).get(way), figures.get(way)) for way in WAYS]
        cells = [cell for pair in pairs for cell in pair] + [figures.get(name) for name in baselines_shown(new)]
        best = max((cell["ndcg10"] for cell in cells if cell), default=None)
        rows.append({"kind": kind, "queries": figures["queries"], "cells": cells, "best": best})
    return rows


def baselines_shown(experiment: Experiment) -> list[str]:
    """The baselines that an experiment was evaluated beside."""
    figures = experiment.metrics["eval"]
    return [name for name in BASELINES if name in figures[reported_split(figures)]]


def cost_rows(base: Experiment, new: Experiment) -> list[dict]:
    """What serving costs, a row for each system: the ways of querying of both experiments, then baselines."""
    rows = [
        {"system": SYSTEMS[way], "experiment": one.name, "style": style, "cells": _costs(one.metrics["cost"][way])}
        for way in WAYS
        for style, one in (("base", base), ("new", new))
        if way in one.metrics["cost"]
    ]
    return rows + [
        {"system": SYSTEMS[name], "experiment": "", "style": "", "cells": _costs(new.metrics["cost"][name])}
        for name in BASELINES
        if name in new.metrics["cost"]
    ]


def _costs(values: dict[str, float]) -> list[str]:
    megabytes = {"index_bytes": values["index_bytes"] / MB} if "index_bytes" in values else {}
    return [number((values | megabytes).get(key)) for key in COSTS]


def differing_params(base: Experiment, new: Experiment) -> list[tuple[str, str, str]]:
    """(key, value in base, value in new) of the parameters that differ; a dash where a key is missing."""
    of_base, of_new = _flat(base.params), _flat(new.params)
    return [
        (key, of_base.get(key, "\N{EN DASH}"), of_new.get(key, "\N{EN DASH}"))
        for key in of_new | of_base
        if of_base.get(key) != of_new.get(key)
    ]


def _flat(params: dict, prefix: str = "") -> dict[str, str]:
    """Leaves by dotted key, spelt as params.yaml spells them."""
    flat = {}
    for key, value in params.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value if isinstance(value, str) else json.dumps(value)
    return flat
