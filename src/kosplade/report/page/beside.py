"""The rows of the report's tables: figures of two experiments beside each other, as text."""

import json

from kosplade.report.experiments import Experiment
from kosplade.report.figures import BASELINES, HEADLINES, SYSTEMS, WAYS, Headline, change, leaf, not_comparable
from kosplade.report.gates import Gates, keeps, limit_text
from kosplade.retrieval.results import NONE, cost_cells, figure


def value_of(experiment: Experiment, row: Headline) -> float | None:
    """One figure, of the reported split; None if the experiment is older than it."""
    values = experiment.metrics[row.stem]
    return leaf(values[experiment.split] if row.stem == "eval" else values, row.metric)


def reason(base: Experiment, new: Experiment, row: Headline) -> str | None:
    """Why a figure cannot be compared, None if it can."""
    bases = (one.metrics["eval"].get("basis") for one in (base, new))
    return not_comparable(*bases, row.stem, row.metric, new.split)


def reasons(base: Experiment, new: Experiment) -> list[str]:
    """Each reason why some of the headline figures cannot be compared, once."""
    return list(dict.fromkeys(why for row in HEADLINES if (why := reason(base, new, row))))


def headline_rows(base: Experiment, new: Experiment, gates: Gates) -> list[dict]:
    """The figures that matter: values, whether each keeps its limit, the limit, change and which way that is."""
    rows = []
    for row in HEADLINES:
        values = [value_of(one, row) for one in (base, new)]
        bounds = gates.bounds(row.stem, row.metric)
        cells = [
            {"text": figure(value), "met": keeps(bounds, value) if bounds and value is not None else None}
            for value in values
        ]
        moved = change(row.metric, *values) if reason(base, new, row) is None else ("", "", "not compared")
        columns = dict(zip(("change", "arrow", "outcome"), moved, strict=True))
        if values != [None, None]:
            rows.append({"title": row.title, "cells": cells, "limit": limit_text(bounds)} | columns)
    return rows


def kind_rows(base: Experiment, new: Experiment) -> list[dict]:
    """nDCG@10 with its interval by kind of query, None where it was not measured.

    Cells are those of each way of querying, in `base` and in `new`, then those of `baselines_shown`.
    """
    of_base, of_new = (one.metrics["eval_by_kind"][one.split] for one in (base, new))
    rows = []
    for kind, figures in of_new.items():
        pairs = [(of_base.get(kind, {}).get(way), figures.get(way)) for way in WAYS]
        cells = [cell for pair in pairs for cell in pair] + [figures.get(name) for name in baselines_shown(new)]
        best = max((cell["ndcg10"] for cell in cells if cell), default=None)
        rows.append({"kind": kind, "queries": figures["queries"], "cells": cells, "best": best})
    return rows


def baselines_shown(experiment: Experiment) -> list[str]:
    """The baselines that an experiment was evaluated beside."""
    return [name for name in BASELINES if name in experiment.metrics["eval"][experiment.split]]


def cost_rows(base: Experiment, new: Experiment) -> list[dict]:
    """What serving costs, a row for each system: the ways of querying of both experiments, then baselines."""
    systems = [(way, one.name, style, one) for way in WAYS for style, one in (("base", base), ("new", new))]
    systems += [(name, "", "", new) for name in BASELINES]
    return [
        {"system": SYSTEMS[name], "experiment": of, "style": style, "cells": cost_cells(one.metrics["cost"][name])}
        for name, of, style, one in systems
        if name in one.metrics["cost"]
    ]


def differing_params(base: Experiment, new: Experiment) -> list[tuple[str, str, str]]:
    """(key, value in base, value in new) of the parameters that differ; a dash where a key is missing."""
    of_base, of_new = _flat(base.params), _flat(new.params)
    return [
        (key, of_base.get(key, NONE), of_new.get(key, NONE))
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
