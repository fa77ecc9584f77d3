"""Nothing that a file holds is run: not by the code, not by the commands that are made of parameters."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]


# exec, pickle, marshal, eval, unpacking archives, unsafe YAML, shells and Jinja without escapes
RULES = "S102,S202,S301,S302,S307,S506,S602,S604,S605,S701"


def test_no_module_runs_or_unpacks_what_a_file_holds():
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--select", RULES, "src", "benchmarks"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_commands_of_the_pipeline_hold_nothing_of_its_parameters():
    commands = [stage["cmd"] for stage in yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"].values()]
    assert commands
    assert not [command for command in commands if "${" in command or "`" in command or "$(" in command]


def test_commands_of_the_workflow_hold_nothing_of_its_event():
    for file in (ROOT / ".github/workflows").glob("*.yml"):
        jobs = yaml.safe_load(file.read_text(encoding="utf-8"))["jobs"].values()
        commands = [step["run"] for job in jobs for step in job["steps"] if "run" in step]
        assert commands
        assert not [command for command in commands if "${{" in command]
        # An argument of make is expanded by make: $(shell ...) in a branch's name would run.
        assert not [command for command in commands if "make" in command and '="$' in command]


@pytest.fixture
def make(tmp_path):
    """The Makefile with nothing to install and no Python of the project: what the shell makes of it is at stake."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in ("constraints.txt", *(path.name for path in ROOT.glob("requirements*.txt"))):
        (tmp_path / name).touch()
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / "outputs/idf_weights").mkdir(parents=True)
    (tmp_path / "outputs/idf_weights/xlmr_v25_idf.pt").touch()
    for program in ("python", "dvc"):
        (tmp_path / ".venv/bin" / program).write_text("#!/bin/sh\nexit 1\n")
        (tmp_path / ".venv/bin" / program).chmod(0o755)
    (tmp_path / ".venv/.ready").touch()

    def run(version: str, *goal: str, **variables: str) -> None:
        (tmp_path / "params.yaml").write_text(f"version: {version}\n")
        environment = os.environ | variables
        done = subprocess.run(
            ["make", *goal], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60
        )
        assert "No rule" not in done.stderr
        assert not (tmp_path / "hostile").exists()

    return run


@pytest.mark.parametrize("name", ["x;touch${IFS}hostile;", '"|touch${IFS}hostile|"'])
@pytest.mark.parametrize("goal", [("logs-v25",), ("train-v25-bg",), ("eval-beir", "DIR=x")])
def test_a_version_of_params_yaml_is_no_command(make, name, goal):
    make(name, *goal)


@pytest.mark.parametrize("name", ['x";touch hostile;"', "$(touch hostile)", "$(shell touch hostile)"])
def test_the_name_of_a_branch_is_no_command(make, name):
    make("v25", "pr-report", BASE=name)
