"""What an experiment left behind, read out of its commit and of DVC's cache: nothing is checked out."""

import csv
import json
import re
import subprocess
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from kosplade.errors import UserError
from kosplade.files import parse_yaml
from kosplade.params import RECIPES
from kosplade.paths import METRICS, TIMINGS, eval_folder
from kosplade.retrieval.results import reported_split

FILES = ("eval", "eval_by_kind", "sparsity", "cost")
CURVES = METRICS / "train/plots/metrics"
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
    timings: dict[str, float]
    date: str = ""
    versions: dict[str, str] = field(default_factory=dict)

    @property
    def split(self) -> str:
        """The split that results are quoted on."""
        return reported_split(self.metrics["eval"])


def git(*arguments: str) -> str:
    """Output of a git command; UserError with the last line of its message if it fails."""
    done = subprocess.run(["git", *arguments], capture_output=True, text=True)
    if done.returncode:
        said = done.stderr.strip() or "nothing found"
        raise UserError(f"git {' '.join(arguments)}: {said.splitlines()[-1]}")
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
    files = Files(None if name == WORKSPACE else _resolve(name))
    try:
        return _read(name, files)
    except (UserError, OSError, KeyError, ValueError, TypeError, AttributeError) as error:
        # A commit older than these files lacks them; one whose outs are not cached here cannot show them.
        what = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else " ".join(str(error).split())
        raise UserError(f"{name} lacks what the report shows ({what}). {_remedy(name)}") from None


class Files:
    """The files of a commit that Git or DVC has, or those of the workspace for None. Paths count from the root of DVC's
    repository, from where the commands run: in a monorepo that is a folder of Git's."""

    def __init__(self, commit: str | None):
        self.commit = commit

    def read(self, path: Path) -> str:
        """A file, of a commit also out of DVC's remote. Raises UserError, or OSError in the workspace."""
        if not self.commit:
            return path.read_text(encoding="utf-8")
        try:
            return self._dvc.read_text(f"{self._prefix}{path}", encoding="utf-8")
        except Exception:  # each kind of remote has errors of its own
            raise UserError(f"{path}: neither in the commit nor in DVC's cache or its remote") from None

    def names(self, folder: Path) -> list[str]:
        """The names in a folder that Git has. Raises OSError."""
        if not self.commit:
            return sorted(path.name for path in folder.iterdir())
        return sorted(Path(path).name for path in self._dvc.ls(f"{self._prefix}{folder}", detail=False))

    @cached_property
    def _prefix(self) -> str:
        return git("rev-parse", "--show-prefix").strip()

    @cached_property
    def _dvc(self) -> Any:
        from dvc.api import DVCFileSystem  # half a second, which only this needs

        return DVCFileSystem(".", rev=self.commit, subrepos=True)  # from the root of Git's repository


def _resolve(name: str) -> str:
    """Full hash of the commit that a name means; an experiment goes before a branch of the same name."""
    revision = f"{experiment(name) or name}^{{commit}}"
    try:
        return git("rev-parse", "--verify", "--end-of-options", revision).strip()
    except UserError:
        raise UserError(f"no experiment or revision {name!r}. {_remedy(name)}") from None


def _remedy(name: str) -> str:
    if name in RECIPES:
        return f"Run: make exp-{name}"
    if name == WORKSPACE:
        return "Run: dvc repro"
    return "Make an experiment (dvc exp run -n NAME) or choose one that `dvc exp list -A` shows."


def _read(name: str, files: Files) -> Experiment:
    params = parse_yaml(files.read(Path("params.yaml")))
    outs = eval_folder(params["version"])
    pruning = csv.DictReader(files.read(METRICS / "pruning.tsv").splitlines(), delimiter="\t")
    pins = re.findall(r"^([\w.-]+)==([^\s#]+)", files.read(Path("requirements.txt")), re.MULTILINE)
    revision, date, timings = WORKSPACE, "", {}
    if files.commit:
        revision, date = git("show", "--no-patch", "--format=%h %cI", files.commit).split()
    else:  # outside DVC: the last run of each stage here, which no commit knows
        timings = {path.stem: json.loads(path.read_text())["seconds"] for path in TIMINGS.glob("*.json")}
    return Experiment(
        name=name,
        revision=revision,
        params=params,
        metrics={stem: json.loads(files.read(METRICS / f"{stem}.json")) for stem in FILES},
        curves={Path(name).stem: _curve(files.read(CURVES / name)) for name in files.names(CURVES)},
        pruning=[{column: float(value) for column, value in row.items()} for row in pruning],
        **{stem: json.loads(files.read(outs / f"{stem}.json")) for stem in VIEWS},
        timings=timings,
        date=date,
        versions=dict(pins),
    )


def _curve(tsv: str) -> list[tuple[int, float]]:
    rows = csv.reader(tsv.splitlines()[1:], delimiter="\t")
    return [(int(step), float(value)) for step, value in rows]
