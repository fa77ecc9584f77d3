"""The stage `train` by itself: killed at any moment it ends with equal bytes, two processes train like one."""

import json
import os
import shutil
import signal
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest
import torch
from pipeline.copies import Clone, error_line
from safetensors.torch import load_file

from kosplade.records.arrow import open_triplets, write_triplets
from kosplade.records.record import Record
from kosplade.records.text import text_number

pytestmark = pytest.mark.full
TRAIN = (sys.executable, "-m", "kosplade.stages.train")
TWICE = (sys.executable, "-m", "torch.distributed.run", "--nproc_per_node=2", "--no-python", "--standalone")


@pytest.fixture(scope="module")
def place(small, tmp_path_factory) -> Clone:
    """A copy of the small clone in which the stage runs without DVC; 24 steps, a checkpoint every four."""
    folder = tmp_path_factory.mktemp("training") / "repository"
    shutil.copytree(small.folder, folder, ignore=shutil.ignore_patterns(".dvc", ".git", "huggingface", "tests"))
    clone = Clone(folder)
    clone.set("train.max_steps", 24)
    clone.set("train.epochs", 2)
    return clone


def results(place: Clone) -> dict[str, bytes]:
    """Everything that the stage leaves, byte by byte."""
    files = [*place.folder.glob("outputs/train_v25/*"), *place.folder.rglob("metrics/train/**/*")]
    return {str(file.relative_to(place.folder)): file.read_bytes() for file in files if file.is_file()}


@pytest.fixture(scope="module")
def whole(place, tmp_path_factory) -> dict[str, bytes]:
    """What the run leaves that nobody disturbs."""
    place.run(*TRAIN, KOSPLADE_CHECKPOINTS=str(tmp_path_factory.mktemp("checkpoints")))
    return results(place)


@pytest.mark.parametrize("lines", [1, 4, 6])
def test_a_killed_run_ends_like_one_that_was_not(place, whole, tmp_path, lines):
    """Killed after so many lines of its log: before the first checkpoint, after it and after the second."""
    shutil.rmtree(place.folder / "outputs/train_v25")
    shutil.rmtree(place.folder / "metrics/train")
    environment = place.environment(KOSPLADE_CHECKPOINTS=str(tmp_path))
    with subprocess.Popen(
        TRAIN, cwd=place.folder, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as running:
        list(islice((line for line in running.stdout if "'loss':" in line), lines))
        os.killpg(running.pid, signal.SIGKILL)
    assert running.wait() == -signal.SIGKILL
    assert not (place.folder / "outputs/train_v25").exists()
    saved = list(tmp_path.glob("*/checkpoint-*/complete"))
    assert saved or lines < 4
    done = place.run(*TRAIN, KOSPLADE_CHECKPOINTS=str(tmp_path))
    assert ("goes on at" in done.stdout) == bool(saved)
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


def share_answers(file: Path) -> None:
    """Every eight queries of the training records get one answer, and the next answer as their hard negative."""
    records = list(open_triplets(file))
    texts = [record.positive for record in records]
    write_triplets(
        file,
        [
            Record(
                record.query,
                answer := texts[number // 8 * 8],
                (texts[(number // 8 * 8 + 8) % len(texts)],),
                record.kind,
                (text_number(answer),),
            )
            for number, record in enumerate(records)
        ],
    )


@pytest.mark.parametrize("shared", [False, True], ids=["own answers", "shared answers and hard negatives"])
def test_two_processes_train_like_one(place, tmp_path, shared):
    """The same global batch of 8: losses and weights agree within the noise of float32."""
    before = {name: (place.folder / name).read_bytes() for name in ("params.yaml", "data/train.arrow")}
    place.set("train.max_steps", 4)
    if shared:
        (place.folder / "data/train.arrow").unlink()  # a link into DVC's cache
        (place.folder / "data/train.arrow").write_bytes(before["data/train.arrow"])
        share_answers(place.folder / "data/train.arrow")
        place.set("train.hard_negatives", 1)
    try:
        place.run(*TRAIN, KOSPLADE_CHECKPOINTS=str(tmp_path))
        one, weights = history(place), load_file(place.folder / "outputs/train_v25/model.safetensors")
        place.set("train.batch_size", 4)
        done = place.run(*TWICE, *TRAIN, KOSPLADE_CHECKPOINTS=str(tmp_path), OMP_NUM_THREADS="1")
        assert done.stdout.count("[train] outputs/train_v25: 4 steps") == 1
        two = history(place)
        assert [row["step"] for row in two] == [row["step"] for row in one]
        for mine, theirs in zip(two, one, strict=True):
            for name, value in theirs.items():
                assert mine[name] == pytest.approx(value, rel=2e-3, abs=1e-5), (name, mine["step"])
        for name, value in load_file(place.folder / "outputs/train_v25/model.safetensors").items():
            torch.testing.assert_close(value, weights[name], rtol=1e-3, atol=1e-3)
    finally:
        for name, content in before.items():
            (place.folder / name).unlink()
            (place.folder / name).write_bytes(content)


def history(place: Clone) -> list[dict]:
    return [json.loads(line) for line in (place.folder / "outputs/train_v25/history.jsonl").read_text().splitlines()]


def test_a_rate_that_explodes_stops_with_reason_step_and_remedy(place, tmp_path):
    place.set("train.learning_rate", 1e30)
    done = place.run(*TRAIN, check=False, KOSPLADE_CHECKPOINTS=str(tmp_path))
    place.set("train.learning_rate", 0.02)
    line = error_line(done)
    assert "training stopped at step" in line
    assert "Lower train.learning_rate" in line
