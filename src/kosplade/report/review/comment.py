"""The Markdown comment of a pull request: verdict, gates, and what changed, the most important first."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kosplade.report.figures import direction, importance
from kosplade.report.review.outcomes import EVAL, Diff, Outcome, not_compared, split_of
from kosplade.retrieval.results import NONE, figure, format_table

MAIN = (EVAL, "metrics/sparsity.json", "metrics/cost.json")  # of other files everything is folded
SHOWN = 8  # metrics of a main file that are not folded
MOST = 200  # rows of one table: GitHub takes comments of at most 65,536 characters
VERDICTS = {True: "pass", False: "**FAIL**", None: "not judged"}


def comment(branch: str, revisions: str, outcomes: Sequence[Outcome], params: Diff, metrics: Diff) -> str:
    """The whole comment: verdict, gates, parameters, metrics."""
    parts = [f"## Metrics against {code(branch)}", verdict(outcomes), gate_table(outcomes)]
    parts += ["### Parameters", param_table(params), "### Metrics", *metric_parts(metrics), revisions]
    return "\n\n".join(parts)


def verdict(outcomes: Sequence[Outcome]) -> str:
    """One line: all gates pass, or which fail; and why any was not judged, or not by a paired test."""
    failed = [code(outcome.name) for outcome in outcomes if outcome.passes is False]
    judged = sum(outcome.passes is not None for outcome in outcomes)
    said = f"{len(failed)} of {judged} fail: {', '.join(failed)}" if failed else f"all {judged} pass"
    others = Counter(f"judged by {outcome.judged_by} ({outcome.why})" for outcome in outcomes if outcome.why)
    return " ".join([f"**Gates: {said}.**", *(f"{count} {how}." for how, count in others.items())])


def gate_table(outcomes: Iterable[Outcome]) -> str:
    """Limit, base, now and outcome of every gate, and how it was judged."""
    columns = ["gate", "limit", "base", "now", "", "judged by"]
    rows = [
        (code(one.name), one.limit, figure(one.base), figure(one.now), VERDICTS[one.passes], one.judged_by)
        for one in outcomes
    ]
    return format_table(rows, columns)


def param_table(params: Diff) -> str:
    """The parameters that differ; their file is named where it is not params.yaml."""
    rows = [
        {"parameter": code(name if file == "params.yaml" else f"{file}:{name}")}
        | {
            title: NONE if values[side] is None else code(json.dumps(values[side], ensure_ascii=False))
            for title, side in (("base", "old"), ("now", "new"))
        }
        for file, changed in _changed(params).items()
        for name, values in sorted(changed.items())
    ]
    return _table(rows, ["parameter", "base", "now"]) if rows else "None differs."


def metric_parts(metrics: Diff) -> list[str]:
    """The metrics that differ, file by file, the most important first, long tails folded; what is not comparable."""
    changed, split = _changed(metrics), split_of(metrics)
    parts, reasons = [], []
    for file in sorted(changed, key=lambda file: (MAIN.index(file) if file in MAIN else len(MAIN), file)):
        rows = []
        for name in sorted(changed[file], key=lambda name: _order(name, split)):
            values = changed[file][name]
            why = None if None in values.values() else not_compared(metrics, file, name)
            rows.append(
                {
                    "metric": code(name),
                    "base": figure(values["old"]),
                    "now": figure(values["new"]),
                    "change": "" if why else change(values),
                    "": "not compared" if why else arrow(name, values),
                }
            )
            reasons += [why] if why else []
        shown = SHOWN if file in MAIN else 0
        if shown:
            parts += [f"#### {code(file)}", _table(rows[:shown])]
        if rows[shown:]:
            title = f"{len(rows) - shown} more" if shown else f"{file}: {len(rows)}"
            parts += [f"<details><summary>{title}</summary>", _table(rows[shown:]), "</details>"]
    counted = [f"{count} metrics: {why}." for why, count in Counter(reasons).items()]
    return [*counted, *parts] or ["None differs."]


def arrow(name: str, values: Mapping[str, Any]) -> str:
    """Where the value went and whether that is better or worse, as far as that is known."""
    old, new = values["old"], values["new"]
    if old is None or new is None:
        return "new" if old is None else "gone"
    sign = direction(name)
    if not sign or not _are_numbers(old, new) or old == new:
        return ""
    return f"{'↑' if new > old else '↓'} {'better' if (new > old) == (sign > 0) else 'worse'}"


def change(values: Mapping[str, Any]) -> str:
    """The signed difference of two figures."""
    if not _are_numbers(values["old"], values["new"]):
        return ""
    difference = values["new"] - values["old"]
    return f"{difference:+,}" if isinstance(difference, int) else f"{difference:+.3g}"


def code(text: str) -> str:
    """A code span that is safe in a table: nothing in it is Markdown, a mention of somebody, or the end of its cell."""
    text = " ".join(text.split())
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    padded = f" {text} " if "`" in text else text
    return f"{fence}{padded}{fence}".replace("|", "\\|")


def _order(name: str, split: str) -> tuple:
    """Metrics with a direction first, of the reported split first, then as in DIRECTIONS."""
    return not direction(name), name.split(".")[0] in {"val", "test"} - {split}, importance(name), name


def _table(rows: list[dict[str, object]], columns: Sequence[str] = ("metric", "base", "now", "change", "")) -> str:
    rest = f"\n\n{len(rows) - MOST} more: dvc metrics diff" if len(rows) > MOST else ""
    return format_table(rows[:MOST], columns) + rest


def _changed(diff: Diff) -> Diff:
    """What differs, but for the basis of a comparison."""
    files = {
        file: {name: v for name, v in of.items() if v["old"] != v["new"] and not name.startswith("basis.")}
        for file, of in diff.items()
    }
    return {file: of for file, of in files.items() if of}


def _are_numbers(*values: Any) -> bool:
    return all(isinstance(value, int | float) for value in values)
