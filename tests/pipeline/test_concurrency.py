"""Two experiments at once: each result is that of its own parameters.

`train.save_steps` decides nothing, so a run that changes it alone must end with the figures of the small clone.
"""

import json
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest
from pipeline.copies import Clone, copy_of, wait_for

pytestmark = pytest.mark.full
CURVES = "metrics/train/metrics.json"
TRAIN = ("dvc", "exp", "run", "--single-item")
RUNS = {"same": "train.save_steps=6", "other": "seed=7"}


@pytest.fixture(scope="module")
def copy(small, tmp_path_factory):
    copy = copy_of(small, tmp_path_factory.mktemp("concurrency") / "repository")
    yield copy
    copy.end_processes()


def state(copy: Clone) -> dict[str, bytes]:
    """The workspace: what Git says of it, and the bytes of what a training writes."""
    files = [*copy.folder.glob("outputs/train_v25/*"), *copy.folder.glob("metrics/**/*.*")]
    return {str(path): path.read_bytes() for path in files} | {"git": copy.git("status", "--porcelain").encode()}


def folder_in(log: Path) -> str | None:
    """Where a training says that it keeps its checkpoints; None before it has said so."""
    found = re.search(r"checkpoints every \d+ steps in (.+)", log.read_text())
    return found and found[1]


@pytest.fixture(scope="module")
def together(copy, tmp_path_factory) -> dict:
    """Two experiments at once. Both are held still in the middle of their training, while a twin of one begins."""
    logs = tmp_path_factory.mktemp("logs")
    before = state(copy)
    running: dict[str, subprocess.Popen] = {}
    seen = {}
    try:
        for name, value in RUNS.items():  # while DVC sets up the first copy it lets no second one begin
            log = logs / name
            process = copy.start(*TRAIN, "--temp", "-n", name, "-S", value, "train", log=log)
            running[name] = process
            wait_for(lambda log=log, process=process: process.poll() is not None or folder_in(log))
            os.killpg(process.pid, signal.SIGSTOP)
        seen["folders"] = [folder_in(logs / name) for name in RUNS]
        seen["twin"] = copy.run(*TRAIN, "--temp", "-n", "twin", "-S", RUNS["other"], "train", check=False)
    finally:
        for process in running.values():
            os.killpg(process.pid, signal.SIGCONT)
    seen["ended"] = {name: process.wait(timeout=240) for name, process in running.items()}
    return seen | {"before": before, "after": state(copy)}


def test_two_experiments_at_once_are_those_of_their_own_parameters(copy, together):
    assert together["ended"] == {"same": 0, "other": 0}
    assert copy.of_experiment("same", "params.yaml")["train"]["save_steps"] == 6
    assert copy.of_experiment("other", "params.yaml")["seed"] == 7
    assert copy.of_experiment("same", CURVES) == json.loads((copy.folder / CURVES).read_text())
    assert copy.of_experiment("other", CURVES)["loss"] != copy.of_experiment("same", CURVES)["loss"]
    assert together["after"] == together["before"]


def test_other_parameters_have_checkpoints_of_their_own(copy, together):
    assert len(set(together["folders"])) == 2
    assert {Path(folder).parent for folder in together["folders"]} == {copy.checkpoints}
    assert list(copy.checkpoints.iterdir()) == []  # nothing is left of them


def test_an_equal_run_at_the_same_time_is_refused_in_one_line(copy, together):
    """Two that write the same checkpoints would destroy them; `other` ended as if its twin had never been."""
    done = together["twin"]
    [line] = [line for line in done.stderr.splitlines() if line.startswith("Error:")]
    assert "another process trains with these parameters" in line
    assert together["folders"][1] in line
    assert "twin" not in copy.experiments()
