"""The Markdown comment of a pull request: verdict, gates, and what changed, the most important first."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any

from kosplade.report.figures import change, direction, importance
from kosplade.report.review.outcomes import EVAL, Diff, Outcome, not_compared, split_of
from kosplade.retrieval.beir import SPLITS
from kosplade.retrieval.results import NONE, figure, format_table

MAIN = (EVAL, "metrics/sparsity.json", "metrics/cost.json")  # their metrics stand before those of other files
SHOWN = 20  # metrics that are not folded
MOST = 220  # metrics in all: GitHub takes comments of at most 65,536 characters
sides = itemgetter("old", "new")
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
        (code(name if file == "params.yaml" else f"{file}:{name}"), *map(_written, sides(values)))
        for file, changed in _changed(params).items()
        for name, values in sorted(changed.items())
    ]
    return format_table(rows, ["parameter", "base", "now"]) if rows else "None differs."


def _written(value: Any) -> str:
    return NONE if value is None else code(json.dumps(value, ensure_ascii=False))


def metric_parts(metrics: Diff) -> list[str]:
    """The metrics that differ, the most important first and the long tail folded; why some are not compared."""
    split, reasons, rows = split_of(metrics), Counter(), []
    changed = {(file, name): v for file, of in _changed(metrics).items() for name, v in of.items()}
    for file, name in sorted(changed, key=lambda key: _order(*key, split)):
        old, new = sides(changed[file, name])
        why = None if None in (old, new) else not_compared(metrics, file, name)
        reasons.update([why] if why else [])
        difference, arrow, sense = ("", "", "not compared") if why else change(name, old, new)
        metric = code(f"{Path(file).stem}.{name}")
        rows.append((metric, figure(old), figure(new), difference, f"{arrow} {sense}".strip()))
    columns = ["metric", "base", "now", "change", ""]
    parts = [f"{count} metrics: {why}." for why, count in reasons.items()]
    parts += [format_table(rows[:SHOWN], columns)] if rows else ["None differs."]
    if folded := rows[SHOWN:MOST]:
        left = f" (and {len(rows) - MOST} that `dvc metrics diff` shows)" if len(rows) > MOST else ""
        summary = f"<details><summary>{len(folded)} more{left}</summary>"
        parts += [summary, format_table(folded, columns), "</details>"]
    return parts


def code(text: str) -> str:
    """A code span that is safe in a table: nothing in it is Markdown, a mention of somebody, or the end of its cell."""
    text = " ".join(text.split())
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    padded = f" {text} " if "`" in text else text
    return f"{fence}{padded}{fence}".replace("|", "\\|")


def _order(file: str, name: str, split: str) -> tuple:
    """Metrics with a direction first, of the main files and the reported split first, then as in DIRECTIONS."""
    is_aside = file not in MAIN or name.split(".")[0] in {*SPLITS} - {split}
    return not direction(name), is_aside, importance(name), file, name


def _changed(diff: Diff) -> Diff:
    """What differs, but for the basis of a comparison."""
    files = {
        file: {name: v for name, v in of.items() if v["old"] != v["new"] and not name.startswith("basis.")}
        for file, of in diff.items()
    }
    return {file: of for file, of in files.items() if of}
