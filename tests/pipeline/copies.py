"""Further copies of the small clone, with its commits and its cache: nothing has to run again, nothing is shared."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipeline.conftest import Clone

# .venv/.ready counts as old: make neither installs an environment nor runs a target again because of it.
MAKE = ("make", "--no-print-directory", "-o", ".venv/.ready")


@dataclass(frozen=True)
class Copy(Clone):
    """What a test may do in a clone of its own."""

    def make(self, *arguments: str, check: bool = True, **variables: str) -> subprocess.CompletedProcess:
        """A target of the Makefile, with this environment in place of the copy's own."""
        return self.run(*MAKE, *arguments, check=check, **variables)

    def start(self, log: Path, *command: str) -> subprocess.Popen:
        """A command in the background and in a process group of its own; `log` gets what it says."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environment = os.environ | {"PATH": path, "PYTHONPATH": "src", "TQDM_DISABLE": "1"} | self.variables
        with log.open("w") as out:
            return subprocess.Popen(
                command, cwd=self.folder, env=environment, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
            )

    def git(self, *arguments: str) -> str:
        return self.run("git", *arguments).stdout.strip()

    def experiments(self) -> dict[str, str]:
        """The experiments' names and refs."""
        refs = self.git("for-each-ref", "--format=%(refname)", "refs/exps").split()
        return {ref.rsplit("/", 1)[1]: ref for ref in refs if ref.count("/") == 4}  # not those of the queue

    def processes(self) -> list[int]:
        """The processes that work in this copy: stages, workers of the queue, and copies that DVC makes for them."""
        found = (entry for entry in Path("/proc").iterdir() if entry.name.isdigit())
        return [int(entry.name) for entry in found if self._works_here(entry)]

    def _works_here(self, entry: Path) -> bool:
        try:
            place = Path(os.readlink(entry / "cwd"))
        except OSError:  # ended in the meantime, or not ours
            return False
        return place.is_relative_to(self.folder)

    def end_processes(self) -> None:
        """Kill what is left."""
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)


def copy_of(small: Clone, folder: Path, *options: str) -> Copy:
    """A clone of the small clone with all of its outs. Its cache is its own: a folder of hard links."""
    subprocess.run(["git", "clone", "-q", *options, small.folder.as_uri(), str(folder)], check=True)
    copy = Copy(folder)
    shutil.copytree(small.folder / ".dvc/cache", folder / ".dvc/cache", copy_function=os.link)
    (folder / ".dvc/config.local").write_text('[cache]\n    type = "hardlink,copy"\n')
    copy.identify()
    copy.run("dvc", "checkout", "-q")
    return copy


def wait_for(condition: Callable[[], object], seconds: float = 240) -> None:
    """Return when the condition holds. It fails the test if that takes far longer than a busy machine needs."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "nothing came"
        time.sleep(0.1)
