"""Nothing that a file holds is run: not by the code, not by the commands that are made of parameters."""

import ast
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
SOURCES = sorted(path for folder in ("src", "benchmarks") for path in (ROOT / folder).rglob("*.py"))

RUNNERS = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "yaml.load", "torch.hub.load"}
MODULES = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib"}
UNPACKERS = {"extractall", "extract", "unpack_archive"}


def dangers(source: str) -> Iterator[str]:
    """What in a module could run, or unpack, what a file holds."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] + [getattr(node, "module", None)]
            yield from (f"{node.lineno}: import {name}" for name in names if name in MODULES)
        if isinstance(node, ast.Call):
            yield from (f"{node.lineno}: {what}" for what in _dangers_of_call(node))


def _dangers_of_call(node: ast.Call) -> Iterator[str]:
    name = ast.unparse(node.func)
    given = {key.arg: ast.unparse(key.value) for key in node.keywords}
    if name in RUNNERS or name.rpartition(".")[2] in UNPACKERS:
        yield name
    if name == "torch.load" and given.get("weights_only") != "True":
        yield "torch.load without weights_only=True"
    if given.get("allow_pickle", "False") != "False":
        yield f"{name} with allow_pickle"
    is_list = bool(node.args) and isinstance(node.args[0], ast.List | ast.Name)
    if re.fullmatch(r"subprocess\.\w+", name) and ("shell" in given or not is_list):
        yield f"{name} with a shell, or with something else than a list of arguments"
    if re.fullmatch(r"Auto\w+\.from_pretrained", name) and given.get("trust_remote_code") != "False":
        yield f"{name} without trust_remote_code=False: it would ask whether to run code of the model"
    if name.endswith("Environment") and given.get("autoescape") != "True":
        yield f"{name} without autoescape=True"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_module_runs_or_unpacks_what_a_file_holds(path):
    assert list(dangers(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "source",
    [
        *(
            "eval(text)",
            "os.system('ls')",
            "yaml.load(text, Loader)",
            "import marshal, json",
            "from pickle import loads",
        ),
        *(
            "torch.load(path)",
            "torch.load(path, weights_only=safe)",
            "np.load(p, allow_pickle=True)",
            "t.extractall(f)",
        ),
        *("subprocess.run(command, shell=True)", "subprocess.run(f'ls {name}')", "subprocess.check_output(args='ls')"),
        *("AutoModel.from_pretrained(name)", "Environment(autoescape=False)", "from pickle import loads"),
    ],
)
def test_each_danger_is_seen(source):
    assert len(list(dangers(source))) == 1


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


@pytest.mark.parametrize("name", ["x;touch${IFS}hostile;", "$(touch${IFS}hostile)", '"|touch${IFS}hostile|"'])
@pytest.mark.parametrize("goal", [("logs-v25",), ("train-v25-bg",), ("eval-beir", "DIR=x")])
def test_a_version_of_params_yaml_is_no_command(make, name, goal):
    make(name, *goal)


@pytest.mark.parametrize("name", ['x";touch hostile;"', "$(touch hostile)", "$(shell touch hostile)"])
def test_the_name_of_a_branch_is_no_command(make, name):
    make("v25", "pr-report", BASE=name)
