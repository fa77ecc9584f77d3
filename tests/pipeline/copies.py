"""Clones of the repository under test, run by the real DVC, and further copies of one that has run."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from dvc.repo import Repo

ROOT = Path(__file__).parents[2]
# .venv/.ready counts as old: make neither installs an environment nor runs a target again because of it.
MAKE = ("make", "--no-print-directory", "-o", ".venv/.ready")


def stages() -> dict[str, dict]:
    """What dvc.yaml says of each stage."""
    return yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]


def error_line(done: subprocess.CompletedProcess) -> str:
    """The one line of an error of ours, or of DVC's; make's own, which says which target failed, is none."""
    assert done.returncode
    assert "Traceback" not in done.stdout + done.stderr
    [line] = [line for line in done.stderr.splitlines() if line.startswith(("Error:", "ERROR:"))]
    return line


def wait_for(condition: Callable[[], object], seconds: float = 240) -> None:
    """Return when the condition holds. It fails the test if that takes far longer than a busy machine needs."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "nothing came"
        time.sleep(0.1)


@dataclass(frozen=True)
class Clone:
    """A checkout under test. Its checkpoints lie beside it, not in the user's own cache."""

    folder: Path

    @property
    def checkpoints(self) -> Path:
        return self.folder.parent / "checkpoints"

    def environment(self, **variables: str) -> dict[str, str]:
        """This one, with the virtual environment first in PATH."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        ours = {"PATH": path, "PYTHONPATH": "src", "TQDM_DISABLE": "1", "KOSPLADE_CHECKPOINTS": str(self.checkpoints)}
        return os.environ | ours | variables

    def run(self, *command: str, check: bool = True, **variables: str) -> subprocess.CompletedProcess:
        """Run a command in the clone."""
        environment = self.environment(**variables)
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=600)
        assert not check or done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done

    def start(self, *command: str, log: Path) -> subprocess.Popen:
        """Start a command in a process group of its own; `log` gets what it says."""
        with log.open("w") as out:
            return subprocess.Popen(
                command,
                cwd=self.folder,
                env=self.environment(),
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def make(self, *arguments: str, check: bool = True, **variables: str) -> subprocess.CompletedProcess:
        """A target of the Makefile, with this environment in place of the clone's own."""
        return self.run(*MAKE, *arguments, check=check, **variables)

    def git(self, *arguments: str) -> str:
        return self.run("git", *arguments).stdout.strip()

    def repro(self, *arguments: str) -> set[str]:
        """`dvc repro`; the stages that ran."""
        return ran(self.run("dvc", "repro", *arguments).stdout)

    def changed(self) -> set[str]:
        """Stages that DVC would run for a reason of their own (not because of an earlier stage)."""
        with contextlib.chdir(self.folder), Repo() as repo:
            return set(repo.status()) & set(stages())

    def set(self, key: str, value: object) -> None:
        """Change one parameter."""
        path = self.folder / "params.yaml"
        params = yaml.safe_load(path.read_text(encoding="utf-8"))
        *groups, leaf = key.split(".")
        target = params
        for group in groups:
            target = target[group]
        assert leaf in target
        target[leaf] = value
        path.write_text(yaml.safe_dump(params, allow_unicode=True, sort_keys=False), encoding="utf-8")

    def identify(self) -> None:
        """Give Git a name to commit by: a fresh machine has none."""
        self.git("config", "user.email", "test@example.org")
        self.git("config", "user.name", "test")

    def commit(self, message: str) -> None:
        self.git("add", "-A")
        self.git("commit", "-qm", message, "--allow-empty")

    def restore(self) -> None:
        """Everything as it is committed, files of the source included."""
        self.git("checkout", "-q", "HEAD", "--", ".")
        self.make("restore")

    def metrics(self) -> dict[str, dict]:
        """The metric files by name."""
        return {path.name: json.loads(path.read_text()) for path in sorted((self.folder / "metrics").glob("*.json"))}

    def experiments(self) -> dict[str, str]:
        """The experiments' names and refs."""
        refs = self.git("for-each-ref", "--format=%(refname)", "refs/exps").split()
        return {ref.rsplit("/", 1)[1]: ref for ref in refs if ref.count("/") == 4}  # not those of the queue

    def of_experiment(self, name: str, file: str) -> Any:
        """A YAML or JSON file of an experiment's commit."""
        return yaml.safe_load(self.git("show", f"{self.experiments()[name]}:{file}"))

    def processes(self) -> dict[int, str]:
        """What runs in this clone, in copies that DVC makes of it too: process ids, and their command lines."""
        found = {}
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and Path(os.readlink(entry / "cwd")).is_relative_to(self.folder):
                    found[int(entry.name)] = (entry / "cmdline").read_text().replace("\0", " ")
            except OSError:  # it ended in the meantime, or is not ours
                continue
        return found

    def end_processes(self) -> None:
        """Kill what is left."""
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)


def ran(output: str) -> set[str]:
    """The stages that a command of DVC's says it ran."""
    return {line.split("'")[1] for line in output.splitlines() if line.startswith("Running stage")}


def copy_of_working_tree(folder: Path) -> Clone:
    """A clone of the repository with the files as they are now, committed to `main` whatever branch they are on."""
    clone = Clone(folder)
    subprocess.run(["git", "clone", "-q", str(ROOT), str(folder)], check=True)
    subprocess.run(["git", "checkout", "-qB", "main"], cwd=folder, check=True)
    subprocess.run(["git", "rm", "-rq", "."], cwd=folder, check=True)
    listed = subprocess.run(
        ["git", "ls-files", "-coz", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    clone.identify()
    clone.commit("as it is")
    return clone


def copy_of(small: Clone, folder: Path, *options: str) -> Clone:
    """A clone of the small clone with all of its outs. Its cache is its own: a folder of hard links."""
    subprocess.run(["git", "clone", "-q", *options, small.folder.as_uri(), str(folder)], check=True)
    copy = Clone(folder)
    shutil.copytree(small.folder / ".dvc/cache", folder / ".dvc/cache", copy_function=os.link)
    (folder / ".dvc/config.local").write_text('[cache]\n    type = "hardlink,copy"\n')
    copy.identify()
    copy.run("dvc", "checkout", "-q")
    return copy
