"""The report of a pull request by the real Git and DVC: a pipeline of one stage whose figures follow a parameter."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SRC = Path(__file__).parents[2] / "src"
PIPELINE = """
stages:
  eval:
    cmd: python write.py
    params: [version, penalty]
    outs: ["outputs/eval_${version}"]
    metrics:
      - metrics/eval.json: {cache: false}
      - metrics/sparsity.json: {cache: false}
"""
# A higher penalty lowers the stopword activation and, from 3 on, nDCG@10 of every query.
SCRIPT = """
import json, pathlib
penalty = float(pathlib.Path("params.yaml").read_text().split("penalty:")[1])
ndcg10 = [round(0.7 - 0.1 * max(0, penalty - 2), 6)] * 30
out = pathlib.Path("outputs/eval_v25")
out.mkdir(parents=True, exist_ok=True)
queries = {"split": "test", "ids": list(range(30)), "ndcg10": {"encoded": ndcg10}}
(out / "queries.json").write_text(json.dumps(queries))
pathlib.Path("metrics").mkdir(exist_ok=True)
basis = {"documents": "of user" if penalty == 9 else "embedded", "test": "a", "depth": 100}
figures = {"test": {"encoded": {"ndcg10": ndcg10[0]}}, "basis": basis}
pathlib.Path("metrics/eval.json").write_text(json.dumps(figures))
pathlib.Path("metrics/sparsity.json").write_text(json.dumps({"stopword_activation": 1 / (1 + penalty)}))
"""
GATES = """
limits:
  metrics/sparsity.json:
    stopword_activation: {below: 0.4}
not_worse: {systems: [encoded], level: 0.05, tolerance: 0.02}
"""


class Repository:
    """A folder of a monorepo with a branch `main` at penalty 1 and a checked out branch `change`."""

    def __init__(self, folder: Path):
        self.folder = folder
        folder.mkdir(parents=True)
        for name, text in (("dvc.yaml", PIPELINE), ("write.py", SCRIPT), ("gates.yaml", GATES)):
            (folder / name).write_text(text)
        self.run("git", "init", "-q", "-b", "main", str(folder.parent))
        self.run("git", "config", "user.email", "test@example.org")
        self.run("git", "config", "user.name", "test")
        self.run(sys.executable, "-m", "dvc", "init", "-q", "--subdir")
        self.reproduce(1)
        self.run("git", "add", "-A")
        self.run("git", "commit", "-qm", "main")
        self.run("git", "checkout", "-qb", "change")

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environment = os.environ | {"PATH": path, "PYTHONPATH": str(SRC), "DVC_NO_ANALYTICS": "1"}
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=120)
        assert not check or done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done

    def reproduce(self, penalty: float) -> None:
        (self.folder / "params.yaml").write_text(f"version: v25\npenalty: {penalty}\n")
        self.run(sys.executable, "-m", "dvc", "repro", "-q")

    def report(self, base: str = "main") -> subprocess.CompletedProcess:
        return self.run(sys.executable, "-m", "kosplade.report.pull_request", base, check=False)


@pytest.fixture(scope="module")
def repository(tmp_path_factory) -> Repository:
    return Repository(tmp_path_factory.mktemp("pull_request") / "monorepo/team")


@pytest.mark.full
def test_a_change_that_keeps_the_gates_and_one_that_does_not(repository):
    refused = repository.report()
    assert refused.returncode == 1
    assert "**Gates: 1 of 2 fail: `sparsity.stopword_activation`.**" in refused.stdout
    assert refused.stdout.count("None differs.") == 2  # on the base's own commit

    repository.reproduce(2)
    repository.run("git", "commit", "-qam", "penalty 2")
    good = repository.report()
    assert good.returncode == 0, good.stderr
    lines = [" ".join(line.split()) for line in good.stdout.splitlines()]
    assert "**Gates: all 2 pass.**" in lines
    assert "| `sparsity.stopword_activation` | < 0.4 | 0.500 | 0.333 | pass | value |" in lines
    paired = (
        "| `test nDCG@10, encoded queries` | not worse | 0.700 | 0.700 | pass | paired test, 30 queries: p = 1.0000 |"
    )
    assert paired in lines
    assert "| `penalty` | `1` | `2` |" in lines
    assert "| `sparsity.stopword_activation` | 0.500 | 0.333 | \N{MINUS SIGN}0.167 | ▼ better |" in lines
    assert "eval.test" not in good.stdout  # nothing changed there
    assert "Now: " in lines[-1]
    assert "not committed" not in lines[-1]

    repository.reproduce(3)
    worse = repository.report()
    assert worse.returncode == 1
    assert "**Gates: 1 of 2 fail: `test nDCG@10, encoded queries`.**" in worse.stdout
    assert "paired test, 30 queries: p = 0.0001" in worse.stdout
    assert "▼ worse" in worse.stdout
    assert "with changes that are not committed" in worse.stdout

    # As where nothing was pulled: what the base's queries were is not known.
    cache = repository.folder / ".dvc/cache"
    cache.rename(repository.folder / ".dvc/elsewhere")
    untested = repository.report()
    cache.with_name("elsewhere").rename(cache)
    assert untested.returncode == 1
    assert "judged by tolerance 0.02 (no paired test: outputs/eval_v25/queries.json: neither in" in untested.stdout

    repository.reproduce(9)
    other = repository.report()
    assert other.returncode == 0
    assert "**Gates: all 1 pass.** 1 judged by nothing (another collection: not compared)." in other.stdout


def test_what_git_or_dvc_cannot_read_is_one_line(repository):
    unknown = repository.report("nowhere")
    assert unknown.returncode == 1
    assert unknown.stderr.startswith("Error: git merge-base nowhere HEAD: ")
    metrics = repository.folder / "metrics/sparsity.json"
    text = metrics.read_text()
    metrics.write_text("{")
    broken = repository.report()
    metrics.write_text(text)
    assert (broken.returncode, broken.stdout) == (1, "")
    [line] = broken.stderr.splitlines()
    assert line.startswith("Error: dvc metrics diff ")
    assert line.endswith("Run: dvc repro")
