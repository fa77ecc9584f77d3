"""Faults on purpose, in a clone where the small pipeline has run: kills, Ctrl-C, and what the system may refuse.

A fault strikes while DVC runs one stage over. The same command, left alone, must then bring every file back to what
`state` told before. Used by tests/pipeline/test_faults.py and benchmarks/torture.py.
"""

import contextlib
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from pipeline.conftest import Clone
from ruamel.yaml import YAML

# Where a stage writes.
STAGES = {
    "prepare": "data",
    "idf": "outputs/idf_weights",
    "teacher": "outputs",
    "train": "outputs",
    "eval": "outputs",
    "convert": "huggingface/v25",
}
WAYS = (("dvc", "repro"), ("dvc", "exp", "run", "--name", "fault"))
OVER = ("--force", "--single-item")
MENDS = ("rm .dvc/tmp/rwlock", "git checkout dvc.lock", "then dvc repro")
NOT_COMPARED = (".git/", ".dvc/", ".venv/", "outputs/timings/", "outputs/tensorboard/")
DIGESTED = 1 << 20  # bytes; `dvc status` vouches for larger files

# Each stands for the stage's python: "$@" is the call, $WHERE the folder that the stage writes to. Mounts are seen by
# this process and its children only, and end with it.
FIND = 'find "$WHERE" -not -path "*/tensorboard*"'
LISTED = f'before=$({FIND}); "$@"; code=$?; [ "$before" = "$({FIND})" ] || echo LEFT BEHIND; exit $code'
FULL_DISK = 'mount --bind "$WHERE" "$HOLD" && mount -t tmpfs -o size=64k none "$WHERE" && cp -rs "$HOLD/." "$WHERE" && '
READ_ONLY = 'mount --bind "$WHERE" "$WHERE" && mount -o remount,bind,ro "$WHERE" && '
NAMESPACE = "unshare --mount" if os.geteuid() == 0 else "unshare --mount --map-root-user"
REFUSALS = {
    "full disk": (f"exec {NAMESPACE} sh -c '{FULL_DISK}{{ {LISTED}; }}' sh", "No space is left on the disk"),
    "size limit": ("ulimit -f $BLOCKS; exec", "No space is left on the disk"),
    "read-only folder": (f"exec {NAMESPACE} sh -c '{READ_ONLY}{{ {LISTED}; }}' sh", "A folder cannot be written"),
    "little memory": ("exec", "The memory does not suffice"),
}
# No file may be larger than so many blocks of 512 bytes; dvclive's own database must fit.
BLOCKS = {"train": 2048}
LITTLE_MEMORY = """
import importlib, re, resource, sys
stage = importlib.import_module(sys.argv[2])
importlib.import_module(re.sub("evaluate$", "evaluate_trained", sys.argv[2]))  # what that stage imports late
now = int(re.search(r"VmSize:\\s+(\\d+)", open("/proc/self/status").read())[1]) << 10
resource.setrlimit(resource.RLIMIT_AS, (now + 2**20, resource.RLIM_INFINITY))
del sys.argv[1:]
try:
    stage.main(*[[]] * stage.main.__code__.co_argcount)
finally:  # what torch does at exit is not ours
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)
"""


def can_mount() -> bool:
    """Whether this user may mount in a namespace of their own."""
    with tempfile.TemporaryDirectory() as folder:
        return subprocess.run([*NAMESPACE.split(), "mount", "-t", "tmpfs", "none", folder], check=False).returncode == 0


@dataclass(frozen=True)
class Ended:
    """A command that has ended, by itself or struck by a signal."""

    code: int
    output: str
    seconds: float
    is_struck: bool

    def errors(self) -> list[str]:
        """The lines that are ours."""
        return [line for line in self.output.splitlines() if line.startswith("Error: ")]

    def phase(self, stage: str) -> str:
        """Where in DVC's work the command ended."""
        if "Running stage" not in self.output:
            return "before the stage"
        return "after the stage" if re.search(rf"^\[{stage}\] .* s\)$", self.output, re.MULTILINE) else "in the stage"


@dataclass(frozen=True)
class Place:
    """A clone with its own folder for checkpoints and temporary files."""

    clone: Clone
    scratch: Path

    def run(self, *command: str, strike: tuple[int, float, bool] | None = None, **variables: str) -> Ended:
        """Run a command as a process group of its own.

        `strike`: send the whole group a signal after some seconds, counted from the start of the stage or of DVC.
        """
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        ours = {"PATH": path, "PYTHONPATH": "src", "TQDM_DISABLE": "1"}
        ours["KOSPLADE_CHECKPOINTS"] = str(self.scratch / "checkpoints")
        self.scratch.mkdir(parents=True, exist_ok=True)
        log = self.scratch / "log"
        started = time.monotonic()
        with log.open("w") as out:
            running = subprocess.Popen(
                command,
                cwd=self.clone.folder,
                env=os.environ | ours | variables,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                # What a shell starts in the background is born deaf to Ctrl-C, and so are its children.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            )
            is_struck = False
            try:
                if strike:
                    is_struck = _strike(running, log, *strike)
                code = running.wait()
            finally:
                _end(running.pid)
        return Ended(code, log.read_text(errors="replace"), time.monotonic() - started, is_struck)

    def over(self, stage: str, way: tuple[str, ...] = WAYS[0], **more) -> Ended:
        """Have DVC run a stage that is up to date over again."""
        return self.run(*way, *OVER, stage, **more)

    def refused(self, stage: str, what: str) -> Ended:
        """Run a stage over while the system refuses it something, one of `REFUSALS`."""
        folder = self.scratch / "refused"
        (folder / "hold").mkdir(parents=True, exist_ok=True)
        before = f"{sys.executable} -c '{LITTLE_MEMORY}'" if what == "little memory" else sys.executable
        shim = folder / "python"
        shim.write_text(f'#!/bin/sh\n{REFUSALS[what][0]} {before} "$@"\n')
        shim.chmod(0o755)
        path = os.pathsep.join((str(folder), str(Path(sys.executable).parent), os.environ["PATH"]))
        variables = {"WHERE": STAGES[stage], "HOLD": str(folder / "hold"), "BLOCKS": str(BLOCKS.get(stage, 8))}
        return self.over(stage, PATH=path, **variables)

    def state(self) -> dict[str, str]:
        """Everything that must come back: files with their bytes, what Git and DVC say, what was left lying about."""
        files = {}
        for path in sorted(self.clone.folder.rglob("*")):
            name = path.relative_to(self.clone.folder).as_posix()
            if path.is_file() and "__pycache__" not in name and not name.startswith(NOT_COMPARED):
                size = path.stat().st_size
                digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12] if size <= DIGESTED else ""
                files[name] = f"{size} {digest}"
        lock = YAML(typ="safe").load((self.clone.folder / "dvc.lock").read_text())  # its order does not matter
        files["dvc.lock"] = hashlib.sha256(json.dumps(lock, sort_keys=True).encode()).hexdigest()[:12]
        files["git status"] = self.clone.run("git", "status", "--porcelain", ".", ":!dvc.lock").stdout
        files["dvc status"] = self.clone.run("dvc", "status", "--json").stdout.strip()
        return files | {f"left: {name}": "" for name in self.left()}

    def left(self) -> list[str]:
        """Locks, temporary files and checkpoints that no running process needs.

        Not what a killed DVC wrote into its `rwlock`: the next one that this would block strikes it out.
        """
        folder = self.clone.folder
        found = [*folder.rglob("*.tmp"), *folder.rglob(".prepare.*"), *(folder / ".git").rglob("*.lock")]
        found += (folder / ".git/refs/exps/exec").glob("EXEC_[!H]*")  # EXEC_HEAD stays after every experiment
        found += (self.scratch / "checkpoints").rglob("*")
        return sorted(map(str, found))

    def again(self, stage: str, way: tuple[str, ...]) -> tuple[Ended, str]:
        """After a kill, the same command; and what a user has to do besides where DVC's own files were cut short.

        DVC writes both in place: a kill at that moment leaves the `rwlock` empty, or dvc.lock without its last stages,
        which `dvc repro` takes from the run-cache.
        """
        ended = self.over(stage, way)
        if "Unable to read RWLock-file" in ended.output:
            (self.clone.folder / ".dvc/tmp/rwlock").unlink()
            return self.over(stage, way), MENDS[0]
        if ended.code and "dvc.lock" in ended.output:
            self.clone.run("git", "checkout", "-q", "dvc.lock")
            return self.over(stage, way), MENDS[1]
        if not ended.code and self.clone.run("dvc", "status", "--json").stdout.strip() != "{}":
            return self.run("dvc", "repro"), MENDS[2]
        return ended, ""


def difference(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """One line for each file or message that is not as it was."""
    names = sorted(before.keys() | after.keys())
    return [f"{n}: {before.get(n)!r} -> {after.get(n)!r}" for n in names if before.get(n) != after.get(n)]


def _strike(running: subprocess.Popen, log: Path, number: int, after: float, in_stage: bool) -> bool:
    """Wait, then send the signal; False if the command ended first."""
    while in_stage and running.poll() is None and "\n> " not in log.read_text(errors="replace"):
        time.sleep(0.02)
    with contextlib.suppress(subprocess.TimeoutExpired):
        running.wait(after)
    if running.poll() is not None:
        return False
    os.killpg(running.pid, number)
    return True


def _end(group: int) -> None:
    """Nothing of the group outlives its command, be the test itself interrupted."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)
