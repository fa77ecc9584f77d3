"""What an experiment left behind, read out of its commit and of DVC's cache: nothing is checked out."""

import csv
import json
import subprocess
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from kosplade.errors import UserError
from kosplade.files import parse_yaml

METRICS = ("eval", "eval_by_kind", "sparsity", "cost")
CURVES = "metrics/train/plots/metrics"
VIEWS = ("pieces", "texts", "examples", "queries")
WORKSPACE = "workspace"


@dataclass(frozen=True)
class Experiment:
    """One experiment as the report shows it.

    `metrics` and the fields from `pieces` to `queries` hold JSON files as the stage eval writes them, `curves` one list
    of (step, value) for each curve, `pruning` the rows of metrics/pruning.tsv. `timings` are seconds by stage, known
    for the workspace alone; `date` is the commit's (ISO 8601, empty for the workspace), `versions` the pinned packages.
    """

    name: str
    revision: str
    params: dict[str, Any]
    metrics: dict[str, dict]
    curves: dict[str, list[tuple[int, float]]]
    pruning: list[dict[str, float]]
    pieces: dict[str, Any]
    texts: list[dict]
    examples: dict[str, list[dict]]
    queries: dict[str, Any]
    timings: dict[str, float] | None
    date: str = ""
    versions: dict[str, str] = field(default_factory=dict)


def git(*arguments: str) -> str:
    """Output of a git command; UserError with its message if it fails."""
    done = subprocess.run(["git", *arguments], capture_output=True, text=True)
    if done.returncode:
        raise UserError(f"git {' '.join(arguments)}: {done.stderr.strip().splitlines()[-1]}")
    return done.stdout


def is_shallow() -> bool:
    """Whether this clone was cut off at some depth (`git clone --depth`)."""
    return git("rev-parse", "--is-shallow-repository").strip() == "true"


def experiment(name: str) -> str | None:
    """The newest commit of the experiment `name`, None if there is none."""
    refs = git("for-each-ref", "--sort=-committerdate", "--format=%(refname)", "refs/exps").split()
    return next((ref for ref in refs if ref.rsplit("/", 1)[-1] == name), None)


def load(name: str) -> Experiment:
    """Read a DVC experiment, any Git revision, or "workspace" (the files as they lie here).

    Raises UserError for an unknown name, and with the remedy where a file is missing or cannot be read.
    """
    source = _Workspace() if name == WORKSPACE else _Commit(_resolve(name))
    try:
        return _read(name, source)
    except (OSError, KeyError, ValueError, TypeError, AttributeError) as error:
        # A commit older than these files lacks them; one whose outs are not cached here cannot show them.
        what = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else " ".join(str(error).split())
        raise UserError(f"{name} lacks what the report shows ({what}). {_remedy(name)}") from None


class _Workspace:
    revision, date = WORKSPACE, ""

    def tracked(self, path: str) -> str:
        return Path(path).read_text(encoding="utf-8")

    cached = tracked

    def names(self, folder: str) -> list[str]:
        return sorted(path.name for path in Path(folder).iterdir())

    def timings(self) -> dict[str, float] | None:
        # Outside DVC: the last run of each stage here, which no commit knows.
        found = {path.stem: json.loads(path.read_text())["seconds"] for path in Path("outputs/timings").glob("*.json")}
        return found or None


class _Commit:
    def __init__(self, commit: str):
        self._commit = commit
        self.revision, self.date = git("show", "--no-patch", "--format=%h %cI", f"{commit}^{{commit}}").split()

    def tracked(self, path: str) -> str:
        return self._git(path, "show", f"{self._commit}:{path}")

    def names(self, folder: str) -> list[str]:
        return self._git(folder, "ls-tree", "--name-only", f"{self._commit}:{folder}").split()

    def _git(self, path: str, *arguments: str) -> str:
        try:
            return git(*arguments)
        except UserError:
            raise FileNotFoundError(2, "not in this commit", path) from None

    def timings(self) -> None:
        return None

    @cached_property
    def _files(self) -> Any:
        from dvc.api import DVCFileSystem  # half a second, which only this needs

        return DVCFileSystem(".", rev=self._commit)

    def cached(self, path: str) -> str:
        from dvc.exceptions import DvcException
        from dvc_data.index.index import DataIndexError

        try:
            return self._files.read_text(path, encoding="utf-8")
        except (OSError, DvcException, DataIndexError):
            raise FileNotFoundError(2, "not in DVC's cache", path) from None


def _resolve(name: str) -> str:
    """Full hash of the commit that a name means; an experiment goes before a branch of the same name."""
    revision = f"{experiment(name) or name}^{{commit}}"
    try:
        return git("rev-parse", "--verify", "--end-of-options", revision).strip()
    except UserError:
        raise UserError(f"no experiment or revision {name!r}. {_remedy(name)}") from None


def _remedy(name: str) -> str:
    if name in ("v24", "v25"):
        return f"Run: make exp-{name}"
    if name == WORKSPACE:
        return "Run: dvc repro"
    return "Make an experiment (dvc exp run -n NAME) or choose one that `dvc exp list -A` shows."


def _read(name: str, source: _Workspace | _Commit) -> Experiment:
    params = parse_yaml(source.tracked("params.yaml"))
    metrics = {stem: json.loads(source.tracked(f"metrics/{stem}.json")) for stem in METRICS}
    pruning = list(csv.DictReader(source.tracked("metrics/pruning.tsv").splitlines(), delimiter="\t"))
    views = {stem: json.loads(source.cached(f"outputs/eval_{params['version']}/{stem}.json")) for stem in VIEWS}
    pins = (line.split("==") for line in source.tracked("requirements.txt").splitlines() if "==" in line)
    return Experiment(
        name=name,
        revision=source.revision,
        params=params,
        metrics=metrics,
        curves={
            path.removesuffix(".tsv"): _curve(source.tracked(f"{CURVES}/{path}"))
            for path in source.names(CURVES)
            if path.endswith(".tsv")
        },
        pruning=[{column: float(value) for column, value in row.items()} for row in pruning],
        **views,
        timings=source.timings(),
        date=source.date,
        versions={package.strip(): version.strip() for package, version in pins},
    )


def _curve(tsv: str) -> list[tuple[int, float]]:
    rows = csv.reader(tsv.splitlines()[1:], delimiter="\t")
    return [(int(step), float(value)) for step, value in rows]
