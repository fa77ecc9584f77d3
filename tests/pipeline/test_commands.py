"""The commands of the training guide, each run as a user would: by make, in a clone with a small configuration."""

import json
import os
import re
import signal
import socket
import subprocess
import urllib.request
from pathlib import Path

import pytest
from pipeline.conftest import ROOT
from pipeline.copies import wait_for

GUIDE = (
    *("setup", "prepare-v25-idf", "prepare-v25-stopwords", "prepare-v25-data", "train-v25-verify", "train-v25-quick"),
    *("train-v25", "train-v25-bg", "train-v25-resume", "eval-v25", "eval-v25-sparsity", "eval-v25-compare"),
    *("convert-v25-hf", "logs-v25", "tensorboard-v25", "v25-pipeline", "monitor"),
)
PASSING = ("prepare-v25-idf", "prepare-v25-stopwords", "prepare-v25-data", "train-v25-verify", "train-v25")
PASSING += ("train-v25-resume", "convert-v25-hf", "v25-pipeline")


def make(clone, *arguments: str, **options) -> str:
    return clone.run("make", "--no-print-directory", *arguments, **options).stdout


def start(clone, *command: str) -> subprocess.Popen:
    """A command that does not end by itself, in a process group of its own."""
    return subprocess.Popen(
        command, cwd=clone.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )


def stop(process: subprocess.Popen) -> None:
    os.killpg(process.pid, signal.SIGTERM)
    process.wait(timeout=20)


def is_alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False


def test_help_lists_every_command_of_the_guide_in_one_line(clone):
    listed = re.findall(r"^  make (\S+) +(\S.*)$", make(clone, "help"), re.MULTILINE)
    assert {name for name, _ in listed} >= set(GUIDE)
    assert all(len(text) < 100 for _, text in listed)


def test_setup_shows_the_environment(clone):
    assert re.search(r"Python 3\.\d+\.\d+, torch \S+, transformers \S+, dvc \S+; \d+ threads", make(clone, "setup"))


@pytest.mark.parametrize("target", PASSING)
def test_what_is_up_to_date_is_not_repeated(clone, target):
    out = make(clone, target)
    assert "Running stage" not in out
    assert "didn't change, skipping" in out


def test_the_quick_training_runs_every_time(clone):
    out = make(clone, "train-v25-quick")
    assert "Running stage 'verify'" in out
    assert "quick training: 48 samples" in out
    assert clone.repro() == set()  # the same figures again


def test_evaluation_prints_its_table(clone):
    ndcg10 = json.loads((clone.folder / "metrics/eval.json").read_text())["val"]["encoded"]["ndcg10"]
    assert re.search(rf"encoded queries +\| +{ndcg10:.3f} ", make(clone, "eval-v25"))


def test_the_sparsity_report_shows_where_the_weights_lie(clone):
    out = make(clone, "eval-v25-sparsity")
    for part in ("semantic pieces in the top 10", "| weight", "The heaviest pieces", "During training"):
        assert part in out
    assert len(re.findall(r"^\| \S+ +\| (?:semantic|stopword|foreign) +\| +\d", out, re.MULTILINE)) == 30


def test_the_background_training_says_where_it_is_and_outlives_its_shell(clone):
    before = clone.metrics()
    (clone.folder / "metrics/train/metrics.json").unlink()
    out = make(clone, "train-v25-bg")
    pid, log = re.search(r"PID (\d+), log (\S+)", out).groups()
    # make, and the shell that it started, are gone by now.
    wait_for(lambda: not is_alive(int(pid)), 120)
    assert "Stage 'train'" in (clone.folder / log).read_text()
    assert clone.metrics() == before


def test_the_log_is_followed(clone):
    log = clone.folder / "outputs/train_v25.log"
    log.parent.mkdir(exist_ok=True)
    log.write_text("loss 1.25\n")
    process = start(clone, "make", "--no-print-directory", "logs-v25")
    try:
        lines = iter(process.stdout.readline, "")
        assert any("loss 1.25" in line for line in lines)
        with log.open("a") as out:
            out.write("loss 0.75\n")
        assert any("loss 0.75" in line for line in lines)
    finally:
        stop(process)


def test_a_log_that_is_not_there(clone):
    (clone.folder / "outputs/train_v25.log").unlink(missing_ok=True)
    done = clone.run("make", "logs-v25", check=False)
    assert done.returncode
    assert "Error: outputs/train_v25.log not found. Run: make train-v25-bg" in done.stderr


def test_tensorboard_answers(clone):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = start(clone, "make", "--no-print-directory", "tensorboard-v25", f"PORT={port}")
    try:

        def runs() -> list[str]:
            try:
                with urllib.request.urlopen(f"http://localhost:{port}/data/runs", timeout=2) as answer:
                    return json.load(answer)
            except OSError:
                return []

        wait_for(runs)
    finally:
        stop(process)


def test_the_default_port_is_that_of_the_guide():
    assert re.search(r"^PORT = 6006$", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_the_monitor_goes_on_until_it_is_stopped(clone):
    process = start(clone, "make", "--no-print-directory", "monitor")
    try:
        lines = [process.stdout.readline() for _ in range(4)]
        assert any(re.search(r"\d", line) for line in lines)
        assert process.poll() is None
    finally:
        stop(process)


def test_the_recipes_are_compared(clone):
    """Runs both recipes, prints their table and writes the page, and leaves the workspace as it was."""
    before = clone.metrics()
    out = make(clone, "eval-v25-compare")
    assert re.search(r"^\| +\| +v24 \| +v25 \|", out, re.MULTILINE)
    page = (clone.folder / "reports/index.html").read_text(encoding="utf-8")
    assert "v24" in page
    assert "v25" in page
    assert clone.metrics() == before
    assert "Running stage" not in make(clone, "eval-v25-compare")  # they are there now
