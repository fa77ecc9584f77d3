"""A queue of three experiments of which the second is killed: the others are as if it had never been."""

import json
import os
import signal
from pathlib import Path

import pytest
from pipeline.copies import Copy, copy_of, wait_for
from pipeline.test_concurrency import CURVES, figures_of, params_of, settings, state

# `train.save_steps` decides nothing, so the last one must end with the figures of the small clone.
QUEUE = {"first": ("seed=7",), "killed": ("seed=8",), "last": ("train.save_steps=60",)}


@pytest.fixture(scope="module")
def copy(small, tmp_path_factory):
    copy = copy_of(small, tmp_path_factory.mktemp("queue") / "repository")
    yield copy
    copy.run("dvc", "queue", "stop", "--kill", check=False)
    copy.end_processes()


def training_of(copy: Copy) -> dict[int, int]:
    """Seed and process of every training that runs in a copy which the queue made."""
    found = {}
    for pid in copy.processes():
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            place = Path(os.readlink(f"/proc/{pid}/cwd"))
            if b"kosplade.stages.train" in words and (place / "params.yaml").exists():
                [seed] = [line for line in (place / "params.yaml").read_text().splitlines() if line.startswith("seed:")]
                found[int(seed.split()[1])] = pid
        except OSError:  # it ended while it was looked at
            continue
    return found


def tasks(copy: Copy) -> dict[str, str]:
    """What `dvc queue status` says of each: name and state."""
    lines = copy.run("dvc", "queue", "status").stdout.splitlines()
    return {words[1]: words[-1] for words in map(str.split, lines) if len(words) > 2 and words[1] in QUEUE}


@pytest.fixture(scope="module")
def queued(copy) -> dict:
    before = state(copy)
    for name, values in QUEUE.items():
        copy.run("dvc", "exp", "run", "--single-item", "--queue", "-n", name, *settings(values), "train")
    # The worker keeps the output of the command that starts it open: a pipe would be read until the queue is empty.
    assert copy.start(copy.folder.parent / "log", "dvc", "queue", "start", "-j", "1").wait(timeout=240) == 0
    wait_for(lambda: 8 in training_of(copy))
    os.kill(training_of(copy)[8], signal.SIGKILL)
    wait_for(lambda: sum(one in {"Success", "Failed"} for one in tasks(copy).values()) == len(QUEUE))
    return {"before": before, "after": state(copy), "tasks": tasks(copy), "names": set(copy.experiments())}


def test_one_is_killed_and_the_queue_goes_on(queued):
    assert queued["tasks"] == {"first": "Success", "killed": "Failed", "last": "Success"}
    assert queued["names"] == {"first", "last"}
    assert queued["after"] == queued["before"]


def test_the_others_are_those_of_their_own_parameters(copy, queued):
    assert params_of(copy, "first")["seed"] == 7
    assert params_of(copy, "last")["train"]["save_steps"] == 60
    assert figures_of(copy, "last") == json.loads((copy.folder / CURVES).read_text())
    assert figures_of(copy, "first")["loss"] != figures_of(copy, "last")["loss"]


def test_the_killed_one_runs_when_it_is_asked_for_again(copy, queued):
    assert queued
    copy.run("dvc", "exp", "run", "--single-item", "--temp", "-n", "killed", *settings(QUEUE["killed"]), "train")
    assert params_of(copy, "killed")["seed"] == 8
    losses = {figures_of(copy, name)["loss"] for name in QUEUE}
    assert len(losses) == 3
    assert list(Path(copy.variables["KOSPLADE_CHECKPOINTS"]).iterdir()) == []
