"""A temporary clone with a small configuration, run by the real DVC: real tokenizer, weights and text, few steps."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from kosplade.corpus.embedded import keep_passages
from kosplade.corpus.pairs import build_pairs
from kosplade.corpus.sources import manuals
from kosplade.wheels import fetch_wheel

ROOT = Path(__file__).parents[2]
SMALL = {
    "model": {"num_layers": 1, "max_query_length": 24, "max_document_length": 48},
    "data": {"source": "user", "max_passages": 120, "val_queries": 24},
    "teacher": {"max_length": 32},
    "train": {"max_steps": 12, "batch_size": 8, "sampled_pieces": 256, "logging_steps": 2},
    "verify": {"samples": 48},
    "eval": {"sparsity_documents": 24},
    "export": {"opensearch": False},  # one test writes it
}
RECORDS = 160


@dataclass(frozen=True)
class Clone:
    """A checkout under test. Its checkpoints lie beside it, not in the user's own cache."""

    folder: Path

    @property
    def variables(self) -> dict[str, str]:
        return {"KOSPLADE_CHECKPOINTS": str(self.folder.parent / "checkpoints")}

    def run(self, *command: str, check: bool = True, **variables: str) -> subprocess.CompletedProcess:
        """Run a command in the clone with the virtual environment first in PATH."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environment = os.environ | {"PATH": path, "PYTHONPATH": "src", "TQDM_DISABLE": "1"} | self.variables | variables
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=900)
        assert not check or done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done

    def repro(self, *arguments: str) -> set[str]:
        """`dvc repro`; the stages that ran."""
        lines = self.run("dvc", "repro", *arguments).stdout.splitlines()
        return {line.split("'")[1] for line in lines if line.startswith("Running stage")}

    def changed(self) -> set[str]:
        """Stages that DVC would run for a reason of their own (not because of an earlier stage)."""
        return set(json.loads(self.run("dvc", "status", "--json").stdout))

    def set(self, key: str, value: object) -> None:
        """Change one parameter, comments kept."""
        yaml = YAML()
        path = self.folder / "params.yaml"
        params = yaml.load(path.read_text(encoding="utf-8"))
        *groups, leaf = key.split(".")
        target = params
        for group in groups:
            target = target[group]
        assert leaf in target
        target[leaf] = value
        with path.open("w", encoding="utf-8") as out:
            yaml.dump(params, out)

    def identify(self) -> None:
        """Give Git a name to commit by: a fresh machine has none."""
        self.run("git", "config", "user.email", "test@example.org")
        self.run("git", "config", "user.name", "test")

    def restore(self) -> None:
        """Bring files and outs back to what is committed."""
        self.run("git", "checkout", "-q", "--", ".")
        self.run("dvc", "checkout", "-q", "--force")

    def metrics(self) -> dict[str, dict]:
        """The metric files by name."""
        return {path.name: json.loads(path.read_text()) for path in sorted((self.folder / "metrics").glob("*.json"))}


def copy_of_working_tree(folder: Path) -> Clone:
    """A clone of the repository with the files as they are now, committed."""
    clone = Clone(folder)
    subprocess.run(["git", "clone", "-q", str(ROOT), str(folder)], check=True)
    listed = subprocess.run(
        ["git", "ls-files", "-coz", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    clone.identify()
    clone.run("git", "add", "-A")
    clone.run("git", "commit", "-qm", "as it is", "--allow-empty")
    return clone


@pytest.fixture(scope="session")
def small(tmp_path_factory) -> Clone:
    """A clone in which the whole small pipeline has run and is committed; made once, copied for each pytest process."""
    folder = tmp_path_factory.mktemp("clone") / "repository"
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return small_clone(folder)
    made = tmp_path_factory.getbasetemp().parent / "small"
    with made.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            shutil.rmtree(made.with_suffix(".part"), ignore_errors=True)
            small_clone(made.with_suffix(".part")).folder.rename(made)
    subprocess.run(["cp", "-a", str(made), str(folder)], check=True)  # hard links within it stay
    return Clone(folder)


def small_clone(folder: Path) -> Clone:
    """Make the clone `small`; also for benchmarks/torture.py."""
    clone = copy_of_working_tree(folder)
    for group, values in SMALL.items():
        for key, value in values.items():
            clone.set(f"{group}.{key}", value)
    documents = manuals.read(fetch_wheel("manuals", ROOT / "data/sources.yaml"))
    pairs = build_pairs(keep_passages(documents, 0, 150))[:RECORDS]
    data = clone.folder / "data/v24.0"
    data.mkdir(parents=True)
    lines = [json.dumps({"query": p.query, "positive": p.positive}, ensure_ascii=False) + "\n" for p in pairs]
    (data / "train_mine.jsonl").write_text("".join(lines), encoding="utf-8")
    clone.run("dvc", "config", "--local", "cache.type", "hardlink,copy")
    assert clone.repro() == set(YAML(typ="safe").load((ROOT / "dvc.yaml").read_text())["stages"])
    clone.run("git", "add", "-A")
    clone.run("git", "commit", "-qm", "small run")
    return clone


@pytest.fixture(scope="module")
def clone(small):
    """The small clone with this environment as its .venv, so that make does not install one."""
    (small.folder / ".venv").symlink_to(Path(sys.executable).parents[1], target_is_directory=True)
    (small.folder / ".venv/.ready").touch()
    yield small
    (small.folder / ".venv").unlink()
