"""The commands of the training guide, each run as a user would: by make, in the small clone."""

import os
import re
import signal

import pytest
from pipeline.copies import MAKE, error_line, wait_for

GUIDE = (
    *("setup", "prepare-v25-idf", "prepare-v25-stopwords", "prepare-v25-data", "train-v25-verify", "train-v25-quick"),
    *("train-v25", "train-v25-bg", "train-v25-resume", "eval-v25", "eval-v25-sparsity", "eval-v25-compare"),
    *("convert-v25-hf", "logs-v25", "tensorboard-v25", "v25-pipeline", "monitor"),
)


def test_help_lists_every_command_of_the_guide_in_one_line(small):
    listed = re.findall(r"^  make (\S+) +(\S.*)$", small.make("help").stdout, re.MULTILINE)
    assert {name for name, _ in listed} >= set(GUIDE)
    assert all(len(text) < 100 for _, text in listed)


def test_setup_shows_the_environment(small):
    said = small.make("setup").stdout
    assert re.search(r"Python 3\.\d+\.\d+, torch \S+, transformers \S+, dvc \S+; \d+ threads", said)


@pytest.mark.parametrize("version", ["3.10", "3.14"])
def test_another_python_is_refused_in_one_line(bare, tmp_path, version):
    """A python3 that says it is another; nothing is installed."""
    python = tmp_path / "python3"
    python.write_text(f"#!/bin/sh\ncase $1 in --version) echo Python {version}.1;; *) exit 1;; esac\n")
    python.chmod(0o755)
    done = bare.run("make", "setup", f"PYTHON={python}", check=False)
    assert f"Python {version}.1" in error_line(done)
    assert "make setup PYTHON=python3.12" in error_line(done)
    assert not (bare.folder / ".venv").exists()


def test_what_is_up_to_date_is_not_repeated_and_the_tables_are_printed(small):
    ndcg10 = small.metrics()["eval.json"]["val"]["encoded"]["ndcg10"]
    out = small.make("v25-pipeline", "train-v25", "eval-v25", "eval-v25-sparsity", "convert-v25-hf").stdout
    assert "Running stage" not in out
    assert out.count("Data and pipelines are up to date.") >= 4
    assert re.search(rf"encoded queries +\| +{ndcg10:.3f} ", out)
    for part in ("semantic pieces in the top 10", "| weight", "The heaviest pieces", "During training"):
        assert part in out
    assert len(re.findall(r"^\| \S+ +\| (?:semantic|stopword|foreign) +\| +\d", out, re.MULTILINE)) == 30


def test_a_log_that_is_not_there(small):
    (small.folder / "outputs/train_v25.log").unlink(missing_ok=True)
    assert "Run: make train-v25-bg" in error_line(small.make("logs-v25", check=False))


# What takes longer


@pytest.mark.full
def test_the_quick_training_runs_every_time_with_equal_figures(small):
    out = small.make("train-v25-quick").stdout
    assert "Running stage 'verify'" in out
    assert "quick training: 72 samples" in out
    assert small.git("status", "--porcelain") == ""


@pytest.mark.full
def test_the_background_training_says_where_it_is_and_outlives_its_shell(small):
    before = small.metrics()
    (small.folder / "metrics/train/metrics.json").unlink()
    pid, log = re.search(r"PID (\d+), log (\S+)", small.make("train-v25-bg").stdout).groups()
    # make, and the shell that it started, are gone by now.
    wait_for(lambda: int(pid) not in small.processes())
    assert "Stage 'train'" in (small.folder / log).read_text()
    assert small.metrics() == before


@pytest.mark.full
def test_the_pid_of_the_background_training_ends_it(small):
    small.set("seed", 7)
    pid, log = re.search(r"PID (\d+), log (\S+)", small.make("train-v25-bg").stdout).groups()
    try:
        wait_for(lambda: "kosplade.stages.verify" in " ".join(small.processes().values()))
        os.kill(int(pid), signal.SIGTERM)
        wait_for(lambda: not small.processes())
        assert "failed to reproduce 'verify'" in (small.folder / log).read_text()
    finally:
        small.end_processes()
        small.restore()


@pytest.mark.full
@pytest.mark.parametrize(
    ("target", "said"),
    [("logs-v25", "loss 1.25"), ("tensorboard-v25", r"http://localhost:\d+"), ("monitor", r"\d[^\n]*\n[^\n]*\d")],
)
def test_a_target_that_goes_on_until_it_is_stopped(small, tmp_path, target, said):
    (small.folder / "outputs/train_v25.log").write_text("loss 1.25\n")
    log = tmp_path / "log"
    process = small.start(*MAKE, target, "PORT=0", log=log)  # 0: any free one
    try:
        wait_for(lambda: re.search(said, log.read_text()))
        assert process.poll() is None
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=20)
