"""Nothing in the code could run what a file holds, and no command is made of it; test_hostile_files.py attacks."""

import ast
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
SOURCES = sorted(path for folder in ("src", "benchmarks") for path in (ROOT / folder).rglob("*.py"))

RUNNERS = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "tempfile.mktemp"}
RUNNERS |= {"subprocess.getoutput", "subprocess.getstatusoutput", "torch.hub.load", "torch.jit.load"}
MODULES = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "yaml", "pty", "commands", "torch.hub"}
UNPACKERS = {"extractall", "extract", "unpack_archive", "unpack_from_file"}
SAFELY = {"torch.load": ("weights_only", {True})}
UNLESS_TOLD = {  # safe as they are
    "np.load": ("allow_pickle", {False}),
    "numpy.load": ("allow_pickle", {False}),
    "YAML": ("typ", {"safe", "rt"}),
}


def dangers(source: str) -> Iterator[str]:
    """What in a module could run, or unpack, what a file holds."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            parts = [f"{names[0]}.{alias.name}" for alias in node.names] if isinstance(node, ast.ImportFrom) else []
            yield from (f"{node.lineno}: import {name}" for name in (*names, *parts) if name in MODULES | RUNNERS)
            yield from (f"{node.lineno}: import {name}" for name in parts if name in SAFELY | UNLESS_TOLD)
        if isinstance(node, ast.Call):
            yield from (f"{node.lineno}: {what}" for what in _dangers_of_call(node))


def _dangers_of_call(node: ast.Call) -> Iterator[str]:
    name = ast.unparse(node.func)
    given = {key.arg: key.value for key in node.keywords}
    constants = {arg: value.value for arg, value in given.items() if isinstance(value, ast.Constant)}
    if name in RUNNERS or name.rpartition(".")[2] in UNPACKERS:
        yield name
    for known, is_needed in ((SAFELY, True), (UNLESS_TOLD, False)):
        argument, safe = known.get(name, ("", set()))
        if argument and (argument in given or is_needed) and constants.get(argument) not in safe:
            yield f"{name}: {argument} is none of {safe}"
        if argument and (None in given or len(node.args) > 1):
            yield f"{name} with arguments that cannot be told"
    if re.fullmatch(r"subprocess\.\w+", name) and ("shell" in given or not node.args or not _is_list(node.args[0])):
        yield f"{name} with a shell, or with something else than a list of arguments"
    if "trust_remote_code" in given and constants.get("trust_remote_code") is not False:
        yield "trust_remote_code"
    if (
        name.endswith(".from_pretrained")
        and name.startswith("Auto")
        and constants.get("trust_remote_code") is not False
    ):
        yield f"{name} without trust_remote_code=False: it would ask whether to run code of the model"
    if name.endswith("Environment") and constants.get("autoescape") is not True:
        yield f"{name} without autoescape=True"


def _is_list(node: ast.expr) -> bool:
    return isinstance(node, ast.List | ast.Name)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_module_runs_or_unpacks_what_a_file_holds(path):
    assert list(dangers(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "source",
    [
        *("eval(text)", "exec(text)", "compile(t, f, 'exec')", "__import__(name)", "os.system('ls')", "os.popen('ls')"),
        *("import pickle", "from pickle import loads", "import marshal, json", "import yaml", "from os import system"),
        *("torch.load(path)", "torch.load(path, weights_only=False)", "torch.load(path, weights_only=safe)"),
        *(
            "from torch import load",
            "torch.load(path, **how)",
            "np.load(p, None, True)",
            "np.load(p, allow_pickle=True)",
        ),
        *("YAML(typ='unsafe').load(text)", "YAML(typ=kind)", "np.load(p, allow_pickle=how)", "tar.extractall(folder)"),
        *(
            "zipfile.ZipFile(p).extract(n, f)",
            "shutil.unpack_archive(p)",
            "tempfile.mktemp()",
            "torch.hub.load('a', 'b')",
        ),
        *("subprocess.run(command, shell=True)", "subprocess.run('ls ' + name)", "subprocess.run(f'ls {name}')"),
        *("subprocess.Popen('ls')", "subprocess.check_output(args='ls')", "subprocess.getoutput('ls')"),
        *("AutoModel.from_pretrained(name)", "AutoModel.from_pretrained(name, trust_remote_code=True)"),
        *("jinja2.Environment()", "Environment(autoescape=False)"),
    ],
)
def test_each_danger_is_seen(source):
    assert len(list(dangers(source))) >= 1


def test_commands_of_the_pipeline_hold_nothing_of_its_parameters():
    pipeline = YAML(typ="safe", pure=True).load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))
    commands = [stage["cmd"] for stage in pipeline["stages"].values()]
    assert commands
    assert not [command for command in commands if "${" in command or "`" in command or "$(" in command]


def test_commands_of_the_workflow_hold_nothing_of_its_event():
    for file in (ROOT / ".github/workflows").glob("*.yml"):
        jobs = YAML(typ="safe", pure=True).load(file.read_text(encoding="utf-8"))["jobs"].values()
        commands = [step["run"] for job in jobs for step in job["steps"] if "run" in step]
        assert commands
        assert not [command for command in commands if "${{" in command]
        # An argument of make is expanded by make: $(shell ...) in a branch's name would run.
        assert not [command for command in commands if "make" in command and '="$' in command]


@pytest.mark.parametrize(
    "name", ["x;touch${IFS}hostile;", "$(touch${IFS}hostile)", "`touch${IFS}hostile`", '"|touch${IFS}hostile|"']
)
@pytest.mark.parametrize("goal", [("logs-v25",), ("train-v25-bg",), ("eval-beir", "DIR=x")])
def test_a_version_of_params_yaml_is_no_command(tmp_path, name, goal):
    _make_folder(tmp_path)
    (tmp_path / "params.yaml").write_text(f"version: {name}\n")
    done = subprocess.run(["make", *goal], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert "No rule" not in done.stderr
    assert not (tmp_path / "hostile").exists()


@pytest.mark.parametrize(
    "name", ['x";touch hostile;"', "$(touch hostile)", "$(shell touch hostile)", "`touch hostile`"]
)
def test_the_name_of_a_branch_is_no_command(tmp_path, name):
    _make_folder(tmp_path)
    (tmp_path / "params.yaml").write_text("version: v25\n")
    environment = os.environ | {"BASE": name}
    done = subprocess.run(["make", "pr-report"], cwd=tmp_path, capture_output=True, env=environment, timeout=60)
    assert done.returncode
    assert not (tmp_path / "hostile").exists()


def _make_folder(folder: Path) -> None:
    """The Makefile with nothing to install and no Python of the project: what the shell makes of it is at stake."""
    shutil.copy(ROOT / "Makefile", folder)
    for name in ("requirements.txt", "constraints.txt"):
        (folder / name).touch()
    (folder / ".venv/bin").mkdir(parents=True)
    (folder / "outputs/idf_weights").mkdir(parents=True)
    (folder / "outputs/idf_weights/xlmr_v25_idf.pt").touch()
    for program in ("python", "dvc"):
        (folder / ".venv/bin" / program).write_text("#!/bin/sh\nexit 1\n")
        (folder / ".venv/bin" / program).chmod(0o755)
    (folder / ".venv/.ready").touch()
