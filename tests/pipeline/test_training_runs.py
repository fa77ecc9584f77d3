"""The stage train as it is run: killed and resumed, by several processes, and stopped by a guard rail."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from pipeline.conftest import Clone
from safetensors.torch import load_file

TRAIN = (sys.executable, "-m", "kosplade.stages.train")


@pytest.fixture(scope="module")
def place(small, tmp_path_factory) -> Clone:
    """A light copy of the small clone in which the stage runs without DVC; 12 steps, checkpoints at 4, 8 and 12."""
    folder = tmp_path_factory.mktemp("training") / "repository"
    shutil.copytree(small.folder, folder, ignore=shutil.ignore_patterns(".dvc", "huggingface", "data", "tests"))
    (folder / "data").symlink_to(small.folder / "data")
    clone = Clone(folder)
    clone.set("train.save_steps", 4)
    return clone


def environment(place: Clone, root: Path) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": "src", "TQDM_DISABLE": "1", "KOSPLADE_CHECKPOINTS": str(root)}


def results(place: Clone) -> dict[str, bytes]:
    """Everything that the stage leaves, byte by byte."""
    files = [*place.folder.glob("outputs/train_v25/*"), *place.folder.rglob("metrics/train/**/*")]
    return {str(file.relative_to(place.folder)): file.read_bytes() for file in files if file.is_file()}


def history(place: Clone) -> list[dict]:
    return [json.loads(line) for line in (place.folder / "outputs/train_v25/history.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def whole(place, tmp_path_factory) -> dict[str, bytes]:
    """What the run leaves that nobody disturbs."""
    done = place.run(*TRAIN, KOSPLADE_CHECKPOINTS=str(tmp_path_factory.mktemp("checkpoints")))
    assert "checkpoints every 4 steps" in done.stdout
    return results(place)


@pytest.mark.parametrize("logged", [1, 4, 6])
def test_a_killed_run_ends_like_one_that_was_not(place, whole, tmp_path, logged):
    """Killed after so many lines of its log: before the first checkpoint, after it and after the second."""
    assert whole
    shutil.rmtree(place.folder / "outputs/train_v25")
    shutil.rmtree(place.folder / "metrics/train")
    with subprocess.Popen(
        TRAIN,
        cwd=place.folder,
        env=environment(place, tmp_path),
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as running:
        lines = 0
        for line in running.stdout:
            lines += "'loss':" in line
            if lines == logged:
                os.killpg(running.pid, signal.SIGKILL)
                break
    assert running.wait() == -signal.SIGKILL
    assert not (place.folder / "outputs/train_v25").exists()
    done = place.run(*TRAIN, KOSPLADE_CHECKPOINTS=str(tmp_path))
    assert ("goes on at" in done.stdout) == (logged > 3)
    assert results(place) == whole
    assert list(tmp_path.iterdir()) == []  # the checkpoints have done their work


def test_a_changed_parameter_does_not_resume_from_another_run(place, whole, tmp_path):
    other = tmp_path / "0123456789abcdef" / "checkpoint-8"
    other.mkdir(parents=True)
    (other / "complete").touch()
    done = place.run(*TRAIN, KOSPLADE_CHECKPOINTS=str(tmp_path))
    assert "goes on at" not in done.stdout
    assert results(place) == whole
    assert other.exists()


@pytest.mark.parametrize("hard_negatives", [0, 1])
def test_two_processes_train_like_one(place, tmp_path, hard_negatives):
    """The same global batch of 8: losses and weights agree within the noise of float32."""
    place.set("train.max_steps", 4)
    place.set("train.hard_negatives", hard_negatives)
    try:
        place.run(*TRAIN, KOSPLADE_CHECKPOINTS=str(tmp_path))
        one, weights = history(place), load_file(place.folder / "outputs/train_v25/model.safetensors")
        place.set("train.batch_size", 4)
        launcher = (sys.executable, "-m", "torch.distributed.run", "--nproc_per_node=2", "--no-python", "--standalone")
        done = place.run(*launcher, *TRAIN, KOSPLADE_CHECKPOINTS=str(tmp_path), OMP_NUM_THREADS="1")
        assert done.stdout.count("[train] outputs/train_v25: 4 steps") == 1
        two = history(place)
        assert [row["step"] for row in two] == [row["step"] for row in one]
        for mine, theirs in zip(two, one, strict=True):
            for name, value in theirs.items():
                assert mine[name] == pytest.approx(value, rel=2e-3, abs=1e-5), (name, mine["step"])
        for name, value in load_file(place.folder / "outputs/train_v25/model.safetensors").items():
            torch.testing.assert_close(value, weights[name], rtol=1e-3, atol=1e-3)
    finally:
        for key, value in (("max_steps", 12), ("hard_negatives", 0), ("batch_size", 8)):
            place.set(f"train.{key}", value)


def test_a_rate_that_explodes_stops_with_reason_step_and_remedy(place, tmp_path):
    place.set("train.learning_rate", 1e30)
    try:
        done = place.run(*TRAIN, check=False, KOSPLADE_CHECKPOINTS=str(tmp_path))
    finally:
        place.set("train.learning_rate", 2.0e-4)
    assert done.returncode == 1
    [line] = [line for line in done.stderr.splitlines() if line.startswith("Error:")]
    assert "training stopped at step" in line
    assert "Lower train.learning_rate" in line
    assert "Traceback" not in done.stderr
