"""gates.yaml: what the metrics of a pull request must keep, and whether they do."""

import difflib
import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kosplade.errors import UserError, shown
from kosplade.export.card import SYSTEMS, reported_split
from kosplade.files import read_yaml
from kosplade.report.review.paired import NoTest, p_values

GATES = Path("gates.yaml")
LARGEST = 1e300
EVAL = "metrics/eval.json"
WORDS = {
    "at_least": (operator.ge, "≥"),
    "at_most": (operator.le, "≤"),
    "above": (operator.gt, ">"),
    "below": (operator.lt, "<"),
}
# What `dvc metrics diff --all --json` prints: file, metric, "old" and "new".
Diff = Mapping[str, Mapping[str, Mapping[str, Any]]]


@dataclass(frozen=True)
class Limit:
    """A bound on one metric; `word` is a key of WORDS."""

    file: str
    metric: str
    word: str
    value: float


@dataclass(frozen=True)
class NotWorse:
    """Systems whose nDCG@10 must not fall: by a test at `level`, or by `tolerance` where none is possible."""

    systems: tuple[str, ...]
    level: float
    tolerance: float


@dataclass(frozen=True)
class Gates:
    """The content of gates.yaml."""

    limits: tuple[Limit, ...]
    not_worse: NotWorse


@dataclass(frozen=True)
class Outcome:
    """How one gate was judged; `passes` is None where the base has nothing to compare with."""

    name: str
    limit: str
    base: float | None
    now: float
    passes: bool | None
    judged_by: str


def read_gates(path: Path = GATES) -> Gates:
    """Read and check gates.yaml; every problem is a UserError of one line that names the place."""
    raw = read_yaml(path)
    groups = _group(path, "the file", raw, ("limits", "not_worse"))
    rule = _group(path, "not_worse", groups["not_worse"], ("systems", "level", "tolerance"))
    systems = rule["systems"]
    if not isinstance(systems, list) or not all(isinstance(system, str) for system in systems):
        raise UserError(f"{path}: not_worse.systems must be a list of names, such as [siamese], not {shown(systems)}.")
    return Gates(
        tuple(_limits(path, groups["limits"])),
        NotWorse(tuple(systems), *(_number(path, f"not_worse.{key}", rule[key]) for key in ("level", "tolerance"))),
    )


def split_of(diff: Diff) -> str:
    """The split that results are quoted on, as far as the workspace has it."""
    return reported_split({metric.split(".")[0]: 0 for metric, v in diff.get(EVAL, {}).items() if v["new"] is not None})


def judge_limits(limits: Iterable[Limit], diff: Diff) -> list[Outcome]:
    """Hold each metric of the workspace against its limit. Raises UserError for one that does not exist."""
    outcomes = []
    for limit in limits:
        keeps, sign = WORDS[limit.word]
        base, now = _figures(diff, limit.file, limit.metric)
        name = f"{Path(limit.file).stem}.{limit.metric}"
        outcomes.append(Outcome(name, f"{sign} {limit.value:g}", base, now, keeps(now, limit.value), "value"))
    return outcomes


def judge_quality(rule: NotWorse, diff: Diff, read: Callable[[], tuple[Any, Any]]) -> list[Outcome]:
    """Hold nDCG@10 against the base's; `read` returns queries.json of base and workspace, or raises NoTest."""
    split = split_of(diff)
    figures = {system: _figures(diff, EVAL, f"{split}.{system}.ndcg10") for system in rule.systems}
    try:
        p_of, num_queries = p_values(*read(), figures, split)
        how = {system: f"paired test, {num_queries} queries: p = {p:.4f}" for system, p in p_of.items()}
    except NoTest as reason:
        p_of, how = {}, dict.fromkeys(figures, f"tolerance {rule.tolerance:g} ({reason})")
    outcomes = []
    for system, (base, now) in figures.items():
        if base is None:
            passes, judged_by = None, "nothing: the base has no figure"
        elif system in p_of:
            passes, judged_by = now >= base or p_of[system] >= rule.level, how[system]
        else:
            # Figures have 6 digits, their difference has not; a NaN must not pass.
            passes, judged_by = round(base - now, 6) <= rule.tolerance, how[system]
        name = f"{split} nDCG@10, {SYSTEMS.get(system, system)}"
        outcomes.append(Outcome(name, "not worse", base, now, passes, judged_by))
    return outcomes


def _group(path: Path, place: str, raw: Any, keys: tuple[str, ...]) -> dict:
    if not isinstance(raw, dict) or set(raw) != set(keys):
        raise UserError(f"{path}: {place} must be a group of {', '.join(keys)}, each once and nothing else.")
    return raw


def _number(path: Path, place: str, value: Any) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not abs(value) < LARGEST:  # neither infinite nor NaN
        raise UserError(f"{path}: {place} must be a number, not {shown(value)}.")
    return value


def _limits(path: Path, raw: Any) -> Iterable[Limit]:
    if not isinstance(raw, dict) or not all(isinstance(metrics, dict) for metrics in raw.values()):
        raise UserError(f"{path}: limits must be groups of metrics by file, such as metrics/sparsity.json.")
    for file, metrics in raw.items():
        for metric, bounds in metrics.items():
            place = f"limits, {file}, {metric}"
            if not isinstance(bounds, dict) or not bounds or not set(bounds) <= set(WORDS):
                raise UserError(
                    f"{path}: {place}: {shown(bounds)} is no limit. Write one of {', '.join(WORDS)}: "
                    "such as {at_least: 0.95}."
                )
            for word, value in bounds.items():
                yield Limit(str(file), str(metric), word, _number(path, f"{place}, {word}", value))


def _figures(diff: Diff, file: str, metric: str) -> tuple[float | None, float]:
    """The base's figure, None if it has none, and that of the workspace."""
    known, wanted = (diff[file], metric) if file in diff else (diff, file)
    if wanted not in known:
        near = difflib.get_close_matches(wanted, known, n=1, cutoff=0.0)
        hint = f"Did you mean '{near[0]}'?" if near else "Run: dvc repro"
        place = f"{file} has no metric" if file in diff else "no metrics file"
        raise UserError(f"{GATES}: {place} '{wanted}'. {hint}")
    base, now = (diff[file][metric][side] for side in ("old", "new"))
    if isinstance(now, bool) or not isinstance(now, int | float):
        raise UserError(f"{file}: {metric}, which {GATES} judges, has no number in the workspace. Run: dvc repro")
    return base if isinstance(base, int | float) else None, now
