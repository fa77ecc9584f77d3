"""Checkpoint folders: what names them, which one is the last good one, and one process at a time."""

import errno
import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

import kosplade
from kosplade.errors import UserError
from kosplade.training.checkpoints import (
    checkpoints_root,
    held,
    latest,
    mark_complete,
    remove_incomplete,
    run_key,
    step_of,
)

SETTINGS = {"seed": 42, "train": {"learning_rate": 2e-4, "epochs": 1}, "versions": ["2.13.0", "5.23.0"]}


def write(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


@pytest.fixture
def inputs(tmp_path) -> list[Path]:
    write(tmp_path / "backbone/model.safetensors", b"weights")
    write(tmp_path / "backbone/more/config.json", b"{}")
    return [write(tmp_path / "train.arrow", b"records"), tmp_path / "backbone"]


def test_a_key_stays_where_nothing_of_the_run_changes(inputs, tmp_path):
    key = run_key(SETTINGS, inputs)
    assert re.fullmatch("[0-9a-f]{16}", key)
    turned = {key: SETTINGS[key] for key in reversed(SETTINGS)} | {"train": {"epochs": 1, "learning_rate": 2e-4}}
    write(tmp_path / "backbone/__pycache__/head.cpython-311.pyc", b"anything")
    os.utime(inputs[0], (0, 0))
    other = tmp_path / "elsewhere"
    other.mkdir()
    assert run_key(turned, (path.rename(other / path.name) for path in inputs)) == key


@pytest.mark.parametrize(
    "change",
    [{"seed": 43}, {"train": {"learning_rate": 2.1e-4, "epochs": 1}}, {"versions": ["5.23.0", "2.13.0"]}, {"x": None}],
)
def test_a_setting_changes_the_key(inputs, change):
    assert run_key(SETTINGS | change, inputs) != run_key(SETTINGS, inputs)


@pytest.mark.parametrize("name", ["train.arrow", "backbone/model.safetensors", "backbone/more/config.json"])
def test_a_byte_a_name_and_a_file_more_change_the_key(inputs, tmp_path, name):
    keys, path = {run_key(SETTINGS, inputs)}, tmp_path / name
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    keys.add(run_key(SETTINGS, inputs))
    path.write_bytes(data)
    write(tmp_path / "backbone/empty", b"")
    keys.add(run_key(SETTINGS, inputs))
    renamed = path.rename(path.with_name("other" + path.suffix))
    keys.add(run_key(SETTINGS, [renamed if file == path else file for file in inputs]))
    assert len(keys) == 4


def checkpoint(folder: Path, step: int, *, complete: bool = True) -> Path:
    path = folder / f"checkpoint-{step}"
    write(path / "model.safetensors", b"weights")
    if complete:
        mark_complete(path)
    return path


def test_the_latest_is_the_complete_one_of_the_most_steps(tmp_path):
    assert latest(tmp_path / "missing") is None
    assert latest(tmp_path) is None
    checkpoint(tmp_path, 150, complete=False)
    assert latest(tmp_path) is None
    for step in (20, 100, 3):  # 100 follows 20, though "20" follows "100"
        path = checkpoint(tmp_path, step)
    assert latest(tmp_path) == tmp_path / "checkpoint-100"
    assert step_of(latest(tmp_path)) == 100
    assert step_of(path) == 3
    mark_complete(tmp_path / "checkpoint-150")
    assert latest(tmp_path) == tmp_path / "checkpoint-150"


def test_what_was_cut_short_is_removed_and_nothing_else(tmp_path):
    kept = [checkpoint(tmp_path, 50), checkpoint(tmp_path, 100), write(tmp_path / "lock", b"")]
    checkpoint(tmp_path, 150, complete=False)
    (tmp_path / "checkpoint-200").mkdir()
    remove_incomplete(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted(kept)
    assert (kept[0] / "model.safetensors").read_bytes() == b"weights"


HOLD = """
import sys
from pathlib import Path
from kosplade.training.checkpoints import held

with held(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def holder(folder: Path):
    """Another process that tries to hold the folder until its standard input closes."""
    environment = os.environ | {"PYTHONPATH": str(Path(kosplade.__file__).parents[1])}
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("end", [signal.SIGKILL, None])
def test_a_folder_is_held_until_its_process_ends(tmp_path, end):
    folder = tmp_path / "runs" / "0123456789abcdef"
    with holder(folder) as process:
        assert process.stdout.readline() == "held\n"
        with pytest.raises(UserError, match=f"^{folder}: another process trains .* Wait for it") as _, held(folder):
            raise AssertionError("two processes hold the folder")
        with held(tmp_path / "runs" / "another"):
            pass
        if end:
            process.send_signal(end)
        else:
            process.stdin.close()
        process.wait(timeout=60)
        with pytest.raises(ZeroDivisionError), held(folder):
            raise ZeroDivisionError
        with held(folder):  # a training that fails lets go
            pass


def test_where_the_file_system_has_no_locks_training_goes_on(tmp_path, monkeypatch):
    def no_locks(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", no_locks)
    with held(tmp_path):
        pass


@pytest.mark.parametrize(
    ("value", "root"),
    [("here/checkpoints", "{}/here/checkpoints"), ("/elsewhere", "/elsewhere"), ("", "~/.cache/kosplade/checkpoints")],
)
def test_the_root_is_absolute(tmp_path, monkeypatch, value, root):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KOSPLADE_CHECKPOINTS", value)
    assert checkpoints_root() == Path(root.format(tmp_path)).expanduser()
