"""The Markdown comment of a pull request: verdict, gates, and what changed, the most important first."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kosplade.report.review.gates import EVAL, Diff, Outcome, split_of
from kosplade.retrieval.table import format_table

# Metrics by the last part of their names, the most important first: 1 if more is better, -1 if less is.
DIRECTIONS = {
    r"ndcg10": 1,
    r"semantic_top10": 1,
    r"stopword_activation": -1,
    r"foreign_activation": -1,
    r"semantic_ratio": 1,
    r"document_nnz": -1,
    r"query_nnz": -1,
    r"flops(_document|_query)?": -1,
    r"index_bytes": -1,
    r"mrr10": 1,
    r"recall\d+": 1,
    r"difference": 1,
    r"own_piece_top1": 1,
}
BASELINES = {"bm25", "bm25_kiwi", "dense"}  # how they fare is no merit of the change
MAIN = (EVAL, "metrics/sparsity.json", "metrics/cost.json")  # of other files everything is folded
SHOWN = 8  # metrics of a main file that are not folded
MOST = 200  # rows of one table: GitHub takes comments of at most 65,536 characters
VERDICTS = {True: "pass", False: "**FAIL**", None: "no base"}


def comment(branch: str, revisions: str, outcomes: Sequence[Outcome], params: Diff, metrics: Diff) -> str:
    """The whole comment: verdict, gates, parameters, metrics."""
    parts = [f"## Metrics against {code(branch)}", verdict(outcomes), gate_table(outcomes)]
    parts += ["### Parameters", param_table(params), "### Metrics", *metric_parts(metrics), revisions]
    return "\n\n".join(parts)


def verdict(outcomes: Sequence[Outcome]) -> str:
    """One line: all gates pass, or which fail."""
    failed = [outcome.name for outcome in outcomes if outcome.passes is False]
    if failed:
        return f"**Gates: {len(failed)} of {len(outcomes)} fail: {', '.join(map(code, failed))}.**"
    unjudged = sum(outcome.passes is None for outcome in outcomes)
    passed = f"**Gates: all {len(outcomes) - unjudged} pass.**"
    return f"{passed} {unjudged} more: the base has nothing to compare with." if unjudged else passed


def gate_table(outcomes: Iterable[Outcome]) -> str:
    """Limit, base, now and outcome of every gate, and how it was judged."""
    columns = ["gate", "limit", "base", "now", "", "judged by"]
    rows = [
        (code(one.name), one.limit, figure(one.base), figure(one.now), VERDICTS[one.passes], one.judged_by)
        for one in outcomes
    ]
    return format_table([dict(zip(columns, row, strict=True)) for row in rows], columns)


def param_table(params: Diff) -> str:
    """The parameters that differ; their file is named where it is not params.yaml."""
    rows = [
        {
            "parameter": code(name if file == "params.yaml" else f"{file}:{name}"),
            "base": "-" if values["old"] is None else code(json.dumps(values["old"], ensure_ascii=False)),
            "now": "-" if values["new"] is None else code(json.dumps(values["new"], ensure_ascii=False)),
        }
        for file, changed in _changed(params).items()
        for name, values in sorted(changed.items())
    ]
    return _table(rows, ["parameter", "base", "now"]) if rows else "None differs."


def metric_parts(metrics: Diff) -> list[str]:
    """The metrics that differ, file by file, the most important first, long tails folded."""
    changed, split = _changed(metrics), split_of(metrics)
    files = sorted(changed, key=lambda file: (MAIN.index(file) if file in MAIN else len(MAIN), file))
    columns = ["metric", "base", "now", "change", ""]
    parts = []
    for file in files:
        names = sorted(changed[file], key=lambda name: importance(name, split))
        rows = [
            {
                "metric": code(name),
                "base": figure(changed[file][name]["old"]),
                "now": figure(changed[file][name]["new"]),
                "change": change(changed[file][name]),
                "": arrow(name, changed[file][name]),
            }
            for name in names
        ]
        shown = SHOWN if file in MAIN else 0
        if shown:
            parts += [f"#### {code(file)}", _table(rows[:shown], columns)]
        if rows[shown:]:
            title = f"{len(rows) - shown} more" if shown else f"{file}: {len(rows)}"
            parts += [f"<details><summary>{title}</summary>", _table(rows[shown:], columns), "</details>"]
    return parts or ["None differs."]


def direction(name: str) -> int:
    """1 if more of a metric is better, -1 if less is, 0 where that is unknown or it is a baseline's."""
    *parents, leaf = name.split(".")
    if leaf != "difference" and BASELINES & set(parents):
        return 0
    return next((sign for pattern, sign in DIRECTIONS.items() if re.fullmatch(pattern, leaf)), 0)


def importance(name: str, split: str) -> tuple:
    """Sorts metrics: those with a direction first, of the reported split first, then as in DIRECTIONS."""
    head, leaf = name.split(".")[0], name.split(".")[-1]
    place = next((i for i, pattern in enumerate(DIRECTIONS) if re.fullmatch(pattern, leaf)), len(DIRECTIONS))
    return not direction(name), head in {"val", "test"} - {split}, place, name


def arrow(name: str, values: Mapping[str, Any]) -> str:
    """Where the value went and whether that is better or worse, as far as that is known."""
    old, new = values["old"], values["new"]
    if old is None or new is None:
        return "new" if old is None else "gone"
    sign = direction(name)
    if not sign or not _is_number(old, new) or old == new:
        return ""
    return f"{'↑' if new > old else '↓'} {'better' if (new > old) == (sign > 0) else 'worse'}"


def figure(value: Any) -> str:
    """A metric with 4 significant digits, a count with all of them."""
    if value is None:
        return "-"
    if not _is_number(value):
        return code(json.dumps(value, ensure_ascii=False))
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def change(values: Mapping[str, Any]) -> str:
    """The signed difference of two figures."""
    old, new = values["old"], values["new"]
    if not _is_number(old, new):
        return ""
    return f"{new - old:+,}" if isinstance(new - old, int) else f"{new - old:+.3g}"


def code(text: str) -> str:
    """A code span that is safe in a table: nothing in it is Markdown, a mention of somebody, or the end of its cell."""
    text = " ".join(text.split())
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    padded = f" {text} " if "`" in text else text
    return f"{fence}{padded}{fence}".replace("|", "\\|")


def _table(rows: list[dict[str, object]], columns: list[str]) -> str:
    rest = f"\n\n{len(rows) - MOST} more: dvc metrics diff" if len(rows) > MOST else ""
    return format_table(rows[:MOST], columns) + rest


def _changed(diff: Diff) -> Diff:
    files = {file: {name: v for name, v in of.items() if v["old"] != v["new"]} for file, of in diff.items()}
    return {file: of for file, of in files.items() if of}


def _is_number(*values: Any) -> bool:
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
