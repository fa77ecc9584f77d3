"""The shape of the code, read from its own imports: folders import downwards, and dvc.yaml names what a stage needs."""

import ast
import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest
import yaml

from kosplade.stages.train import CODE

ROOT = Path(__file__).parents[1]
SRC = ROOT / "src/kosplade"
PIPELINE = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
MODULES = {
    path.relative_to(SRC.parent).with_suffix("").as_posix().replace("/", "."): path for path in SRC.rglob("*.py")
}
# What a folder may import, beside modules of the root: each is allowed what its own may import, too.
BELOW = {
    "records": set(),
    "vocab": set(),
    "corpus": {"records"},
    "pretrained": {"vocab"},
    "teacher": {"records", "pretrained"},
    "model": {"vocab"},
    "training": {"records", "vocab", "model", "teacher"},
    "retrieval": {"records", "vocab", "model", "pretrained"},
    "analysis": {"retrieval", "vocab"},
    "export": {"model", "retrieval", "vocab"},
}
BELOW["stages"] = set(BELOW)
BELOW["report"] = set(BELOW) - {"stages"}
BELOW["tools"] = BELOW["report"] | {"report"}  # the page of make demo draws as the report does


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def walk(node: ast.AST):
    """Every node but what only a type checker reads."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not is_for_types(child):
            yield from walk(child)


@cache
def imports(module: str) -> frozenset[str]:
    """Modules of the package that a module imports anywhere in its text."""
    found = set()
    for node in walk(tree(module)):
        if isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            found |= {known for known in (name, name.rpartition(".")[0]) if known_module(known)}
    return frozenset(known_module(name) for name in found)


def known_module(name: str) -> str | None:
    return next((known for known in (name, f"{name}.__init__") if known in MODULES), None)


def folder_of(module: str) -> str:
    """The folder right under src/kosplade; "" for a module of the root."""
    parts = module.split(".")
    return parts[1] if len(parts) > 2 else ""


def needed(module: str) -> set[str]:
    """Every module that a module imports, directly or not."""
    seen, todo = set(), [module]
    while todo:
        one = todo.pop()
        if one not in seen:
            seen.add(one)
            todo += imports(one)
    return seen


def module_of(stage: str) -> str:
    return re.search(r"-m (\S+)", PIPELINE[stage]["cmd"])[1]


def source_of(stage: str) -> set[str]:
    return {dep for dep in PIPELINE[stage]["deps"] if dep.startswith("src/")}


# Imports run downwards


@pytest.mark.parametrize("folder", BELOW)
def test_a_folder_imports_only_what_lies_below_it(folder):
    found = {
        (module, other)
        for module in MODULES
        if folder_of(module) == folder
        for other in imports(module)
        if folder_of(other) not in {"", folder, *BELOW[folder]}
    }
    assert not found


def test_modules_of_the_root_import_no_folder():
    found = {(m, other) for m in MODULES if not folder_of(m) for other in imports(m) if folder_of(other)}
    assert not found


def test_the_order_of_the_folders_holds_no_circle_and_is_that_of_the_source():
    below = dict(BELOW)
    while below:
        free = {folder for folder, needs in below.items() if not needs & set(below)}
        assert free, below
        below = {folder: needs for folder, needs in below.items() if folder not in free}
    assert set(BELOW) == {path.name for path in SRC.iterdir() if (path / "__init__.py").exists()}


def test_no_stage_imports_another():
    stages = {module for module in MODULES if folder_of(module) == "stages"}
    assert not {(stage, other) for stage in stages for other in imports(stage) & stages - {"kosplade.stages.__init__"}}


# dvc.yaml


@pytest.mark.parametrize("stage", PIPELINE)
def test_a_stage_depends_on_its_own_module_and_on_the_folders_that_it_needs(stage):
    module = module_of(stage)
    folders = {folder_of(one) for one in needed(module)} - {"", "stages"}
    assert source_of(stage) == {
        MODULES[module].relative_to(ROOT).as_posix(),
        *(f"src/kosplade/{folder}" for folder in folders),
    }
    assert len(folders) <= 5


@pytest.mark.parametrize("stage", PIPELINE)
def test_an_upgrade_of_a_package_reruns_every_stage(stage):
    assert "requirements.txt" in PIPELINE[stage]["deps"]


def test_checkpoints_are_named_by_the_code_that_training_depends_on():
    assert {f"src/kosplade/{folder}" for folder in CODE} == source_of("train") - {"src/kosplade/stages/train.py"}


# params.yaml: what a stage lists it reads, what it reads it lists


PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
LEAVES = {f"{group}.{key}" for group, of in PARAMS.items() if isinstance(of, dict) for key in of}
LEAVES |= {key for key, value in PARAMS.items() if not isinstance(value, dict)}


def dotted(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def definition(module: str, name: str) -> tuple[str, ast.AST] | None:
    """The function or class that a name stands for in a module, and the module that defines it."""
    for node in tree(module).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name:
            return module, node
        if isinstance(node, ast.ImportFrom) and name in {alias.name for alias in node.names}:
            return definition(found, name) if (found := known_module(node.module)) else None
    return None


def keys_read(module: str, function: ast.AST) -> set[str]:
    """What a function or class reads of its `params`: keys, and groups that it hands on.

    Whatever gets all of `params` is followed; what a class keeps of them it keeps as `self.params`.
    """
    names, groups = {"params", "self.params"}, {}  # of the whole, and of a group: which one
    nodes = list(walk(function))
    for target, value in (pair for node in nodes if isinstance(node, ast.Assign) for pair in assigned(node)):
        if isinstance(value, ast.Call) and dotted(value.func) == "params.model_copy":
            names.add(dotted(target))
        elif isinstance(PARAMS.get(dotted(value).removeprefix("params.")), dict):
            groups[dotted(target)] = dotted(value).removeprefix("params.")
    places = dict.fromkeys(names, "") | {name: f"{group}." for name, group in groups.items()}
    owners = {id(node.value) for node in nodes if isinstance(node, ast.Attribute)}
    found = set()
    for node in nodes:
        if isinstance(node, ast.Attribute | ast.Name) and id(node) not in owners:
            found |= {before + dotted(node)[len(name) + 1 :] for name, before in places.items() if is_in(node, name)}
        if isinstance(node, ast.Call) and {dotted(argument) for argument in node.args} & names:
            called = definition(module, dotted(node.func))
            found |= keys_read(*called) if called else set()
    return {key.rstrip(".") for key in found if key.partition(".")[0] in PARAMS and ".model_" not in key}


def assigned(node: ast.Assign) -> list[tuple[ast.AST, ast.AST]]:
    target, value = node.targets[0], node.value
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        return list(zip(target.elts, value.elts, strict=True))
    return [(target, value)]


def is_in(node: ast.Attribute | ast.Name, name: str) -> bool:
    """Whether an expression reads `name` or something of it."""
    return isinstance(node.ctx, ast.Load) and f"{dotted(node)}.".startswith(f"{name}.")


def meet(one: str, other: str) -> bool:
    return one == other or one.startswith(f"{other}.") or other.startswith(f"{one}.")


@pytest.mark.parametrize("stage", PIPELINE)
def test_a_stage_lists_the_parameters_that_it_reads_and_no_others(stage):
    listed = set(PIPELINE[stage].get("params", []))
    read = {key for key in keys_read(*definition(module_of(stage), "body")) if not key.startswith("machine.")}
    assert not {key for key in read if not any(meet(key, name) for name in listed)}
    assert not {name for name in listed if not any(meet(name, key) for key in read)}


def test_every_parameter_but_those_of_the_machine_belongs_to_a_stage():
    listed = {name for stage in PIPELINE.values() for name in stage.get("params", [])}
    unlisted = {leaf for leaf in LEAVES if not any(leaf == name or leaf.startswith(f"{name}.") for name in listed)}
    assert unlisted == {leaf for leaf in LEAVES if leaf.startswith("machine.")}


# The size of things


def test_public_functions_take_at_most_eight_parameters():
    long = {
        (module, node.name)
        for module in MODULES
        for node in walk(tree(module))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_")
        if len({a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)} - {"self", "cls"}) > 8
    }
    assert not long


def test_no_file_is_long():
    assert not {module for module, path in MODULES.items() if len(path.read_text("utf-8").splitlines()) > 300}


def test_no_name_of_a_file_occurs_twice():
    names = Counter(path.name for path in MODULES.values() if not path.name.startswith("__"))
    assert not {name for name, count in names.items() if count > 1}
