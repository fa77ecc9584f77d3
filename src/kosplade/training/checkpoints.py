"""Checkpoints outside DVC's outs: a folder named by what decides the result, so that no other run can resume from it.

DVC empties a stage's outs before it starts, and an out that persists is resumed even after a parameter has changed. The
root is an absolute path, so that a killed `dvc exp run --temp` finds its checkpoints in another copy of the workspace.
"""

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kosplade.errors import UserError

COMPLETE = "complete"  # written last: a checkpoint without it was cut short


def checkpoints_root() -> Path:
    """$KOSPLADE_CHECKPOINTS, or ~/.cache/kosplade/checkpoints."""
    return Path(os.environ.get("KOSPLADE_CHECKPOINTS") or Path.home() / ".cache/kosplade/checkpoints").absolute()


def run_key(settings: Any, inputs: Iterable[Path]) -> str:
    """16 hexadecimal digits over the settings (as JSON) and the names and bytes of the inputs, folders file by file."""
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode())
    for path in inputs:
        files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
        for file in files:
            if file.suffix != ".pyc":
                with file.open("rb") as stream:
                    name = file.relative_to(path) if path.is_dir() else file.name
                    digest.update(str(name).encode() + hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()[:16]


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold a checkpoint folder for this process. Raises UserError if another training holds it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            said = f"{folder}: another process trains with these parameters. Wait for it, or stop it."
            raise UserError(said) from None
        except OSError:
            pass  # a file system without locks
        yield


def mark_complete(checkpoint: Path) -> None:
    """Say that everything of this checkpoint is written."""
    (checkpoint / COMPLETE).touch()


def latest(folder: Path) -> Path | None:
    """The complete checkpoint of the most steps; none is None."""
    complete = [file.parent for file in folder.glob(f"checkpoint-*/{COMPLETE}")]
    return max(complete, key=step_of, default=None)


def step_of(checkpoint: Path) -> int:
    """The global step after which a checkpoint was written."""
    return int(checkpoint.name.rsplit("-", 1)[1])


def remove_incomplete(folder: Path) -> None:
    """Delete the checkpoints that were cut short."""
    for checkpoint in folder.glob("checkpoint-*"):
        if not (checkpoint / COMPLETE).exists():
            shutil.rmtree(checkpoint, ignore_errors=True)
