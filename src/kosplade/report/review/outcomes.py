"""Whether the metrics of a pull request keep what gates.yaml asks for."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from kosplade.errors import UserError
from kosplade.paths import eval_folder
from kosplade.report.experiments import Files
from kosplade.report.figures import SYSTEMS, not_comparable
from kosplade.report.gates import GATES, Bounds, NotWorse, keeps, limit_text
from kosplade.retrieval.results import reported_split
from kosplade.retrieval.significance import holm, randomisation_test

EVAL = "metrics/eval.json"
SEED = 0  # as in the stage eval
ROUNDING = 1e-5  # figures in metrics/eval.json and in queries.json have 6 digits

# What `dvc metrics diff --all --json` prints: file, metric, "old" and "new".
Diff = Mapping[str, Mapping[str, Mapping[str, Any]]]


@dataclass(frozen=True)
class Outcome:
    """How one gate was judged; `passes` is None where it was not, `why` says why, or why not by a paired test."""

    name: str
    limit: str
    base: float | None
    now: float
    passes: bool | None
    judged_by: str
    why: str = ""


def split_of(diff: Diff) -> str:
    """The split that results are quoted on, as far as the workspace has it."""
    return reported_split({metric.split(".")[0]: 0 for metric, v in diff.get(EVAL, {}).items() if v["new"] is not None})


def not_compared(diff: Diff, file: str, metric: str) -> str | None:
    """Why the two values of a metric cannot be compared, None if they can."""
    basis = {name[len("basis.") :]: v for name, v in diff.get(EVAL, {}).items() if name.startswith("basis.")}
    bases = ({key: v[side] for key, v in basis.items() if v[side] is not None} for side in ("old", "new"))
    return not_comparable(*bases, Path(file).stem, metric, split_of(diff))


def judge_limits(limits: Mapping[str, Mapping[str, Bounds]], diff: Diff) -> list[Outcome]:
    """Hold each metric of the workspace against its bounds. Raises UserError for one that does not exist."""
    outcomes = []
    for file, metrics in limits.items():
        for metric, bounds in metrics.items():
            base, now = _figures(diff, file, metric)
            name = f"{Path(file).stem}.{metric}"
            outcomes.append(Outcome(name, limit_text(bounds), base, now, keeps(bounds, now), "value"))
    return outcomes


def judge_quality(rule: NotWorse, params: Diff, diff: Diff, base_files: Files, files: Files) -> list[Outcome]:
    """Hold nDCG@10 against the base's: by a paired test, where none is possible by the tolerance, and say why."""
    split = split_of(diff)
    figures = {system: _figures(diff, EVAL, f"{split}.{system}.ndcg10") for system in rule.systems}
    obstacle = not_compared(diff, EVAL, f"{split}.ndcg10")
    known = {system: pair for system, pair in figures.items() if pair[0] is not None and obstacle is None}
    p_of: dict[str, float] = {}
    untested = ""
    if known:
        versions = params["params.yaml"]["version"]
        try:
            base = _scores(base_files, versions["old"], {system: of[0] for system, of in known.items()}, "of the base")
            now = _scores(files, versions["new"], {system: of[1] for system, of in known.items()}, "here")
            paired = {system: [b - a for a, b in zip(base[system], now[system], strict=True)] for system in known}
            p_of = holm({system: randomisation_test(values, SEED) for system, values in paired.items()})
        except UserError as error:
            untested = str(error)
    outcomes = []
    for system, (base, now) in figures.items():
        passes, judged_by, why = None, "nothing", obstacle or "the base has no figure"
        if system in p_of:
            passes, why = now >= base or p_of[system] >= rule.level, ""
            judged_by = f"paired test, {len(paired[system])} queries: p = {p_of[system]:.4f}"
        elif system in known:
            # Figures have 6 digits, their difference has not; a NaN must not pass.
            passes, judged_by = round(base - now, 6) <= rule.tolerance, f"tolerance {rule.tolerance:g}"
            why = f"no paired test: {untested}"
        name = f"{split} nDCG@10, {SYSTEMS.get(system, system)}"
        outcomes.append(Outcome(name, "not worse", base, now, passes, judged_by, why))
    return outcomes


def _scores(files: Files, version: str, means: Mapping[str, float], whose: str) -> dict[str, list[float]]:
    """nDCG@10 of each system and query. Raises UserError without a queries.json of the run that left `means`."""
    path = eval_folder(version) / "queries.json"
    try:
        of = json.loads(files.read(path))["ndcg10"]
        same = all(abs(fmean(of[system]) - mean) <= ROUNDING for system, mean in means.items())
    except OSError as error:
        raise UserError(f"{path} {whose}: {error.strerror}") from None
    except (KeyError, TypeError, ValueError):
        raise UserError(f"{path} {whose} is broken or of another form") from None
    if not same:
        raise UserError(f"{path} {whose} is of another run than {EVAL}")
    return of


def _figures(diff: Diff, file: str, metric: str) -> tuple[float | None, float]:
    """The base's figure, None if it has none, and that of the workspace."""
    values = diff.get(file, {}).get(metric)
    if values is None:
        raise UserError(f"{GATES}: {file} has no metric '{metric}'. Correct the name, or run: dvc repro")
    base, now = values["old"], values["new"]
    if not isinstance(now, int | float):
        raise UserError(f"{file}: {metric}, which {GATES} judges, has no number in the workspace. Run: dvc repro")
    return base if isinstance(base, int | float) else None, now
