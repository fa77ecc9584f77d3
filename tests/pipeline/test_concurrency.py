"""Several experiments at once: each result is that of its own parameters.

`train.save_steps` decides nothing, so a run that changes it alone must end with the figures of the small clone.
"""

import json
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest
import yaml
from pipeline.copies import Copy, copy_of, wait_for

CURVES = "metrics/train/metrics.json"
TRAIN = ("dvc", "exp", "run", "--single-item")
RUNS = {"same": ("train.save_steps=60",), "other": ("seed=7",)}


def settings(values: tuple[str, ...]) -> list[str]:
    return [part for value in values for part in ("-S", value)]


def params_of(copy: Copy, name: str) -> dict:
    return yaml.safe_load(copy.git("show", f"{copy.experiments()[name]}:params.yaml"))


def figures_of(copy: Copy, name: str) -> dict:
    return json.loads(copy.git("show", f"{copy.experiments()[name]}:{CURVES}"))


def state(copy: Copy) -> dict[str, bytes]:
    """The workspace: what Git says of it, and the bytes of what a training writes."""
    files = [*copy.folder.glob("outputs/train_v25/*"), *copy.folder.glob("metrics/**/*.*")]
    return {str(path): path.read_bytes() for path in files} | {"git": copy.git("status", "--porcelain").encode()}


@pytest.fixture(scope="module")
def copy(small, tmp_path_factory):
    copy = copy_of(small, tmp_path_factory.mktemp("concurrency") / "repository")
    yield copy
    copy.end_processes()


@pytest.fixture(scope="module")
def together(copy, tmp_path_factory) -> dict:
    """Two experiments at once. Both are held still in the middle of their training, while the rest of DVC is used."""
    logs = tmp_path_factory.mktemp("logs")
    before = state(copy)
    running: dict[str, subprocess.Popen] = {}
    seen = {}
    try:
        for name, values in RUNS.items():  # while DVC sets up the first copy it lets no second one begin
            process = copy.start(logs / name, *TRAIN, "--temp", "-n", name, *settings(values), "train")
            running[name] = process
            wait_for(lambda name=name, process=process: process.poll() is not None or folder_in(logs / name))
            assert process.poll() is None, (logs / name).read_text()
            os.killpg(process.pid, signal.SIGSTOP)
        seen["folders"] = [folder_in(logs / name) for name in RUNS]
        seen["twin"] = copy.run(*TRAIN, "--temp", "-n", "twin", *settings(RUNS["other"]), "train", check=False)
        seen["show"] = copy.run("dvc", "exp", "show", "--json", check=False)
        seen["diff"] = copy.run("dvc", "metrics", "diff", "--all", "--json", "HEAD", check=False)
    finally:
        for process in running.values():
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGCONT)
    seen["ended"] = {name: process.wait(timeout=240) for name, process in running.items()}
    seen["said"] = {name: (logs / name).read_text() for name in RUNS}
    return seen | {"before": before, "after": state(copy)}


def folder_in(log: Path) -> str | None:
    """Where a training says that it keeps its checkpoints; None before it has said so."""
    found = re.search(r"checkpoints every \d+ steps in (.+)", log.read_text())
    return found and found.group(1)


def test_two_experiments_at_once_are_those_of_their_own_parameters(copy, together):
    assert together["ended"] == {"same": 0, "other": 0}, together["said"]
    assert all("Running stage 'train'" in said for said in together["said"].values())
    assert (params_of(copy, "same")["seed"], params_of(copy, "same")["train"]["save_steps"]) == (42, 60)
    assert (params_of(copy, "other")["seed"], params_of(copy, "other")["train"]["save_steps"]) == (7, 50)
    assert figures_of(copy, "same") == json.loads((copy.folder / CURVES).read_text())
    assert figures_of(copy, "other")["loss"] != figures_of(copy, "same")["loss"]


def test_the_workspace_is_not_touched_by_them(together):
    assert together["after"] == together["before"]


def test_other_parameters_have_checkpoints_of_their_own(copy, together):
    """Compared while both train. Afterwards there is nothing left of them."""
    root = Path(copy.variables["KOSPLADE_CHECKPOINTS"])
    assert len(set(together["folders"])) == 2
    assert {Path(folder).parent for folder in together["folders"]} == {root}
    assert list(root.iterdir()) == []


def test_an_equal_run_at_the_same_time_is_refused_in_one_line(copy, together):
    """Two that write the same checkpoints would destroy them; `other` ended as if its twin had never been."""
    twin = together["twin"]
    assert twin.returncode
    [line] = [line for line in twin.stderr.splitlines() if line.startswith("Error:")]
    assert "another process trains with these parameters. Wait for it, or stop it." in line
    assert together["folders"][1] in line
    assert "Traceback" not in twin.stderr
    assert "twin" not in copy.experiments()


def test_experiments_and_metrics_are_read_while_others_run(copy, together):
    assert together["show"].returncode == together["diff"].returncode == 0
    [now, *_] = json.loads(together["show"].stdout)
    assert now["data"]["metrics"]["metrics/eval.json"]["data"] == copy.metrics()["eval.json"]
    assert json.loads(together["diff"].stdout)["metrics/eval.json"]["documents"]["diff"] == 0
