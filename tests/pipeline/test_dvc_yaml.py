"""dvc.yaml names every module that a stage imports and every parameter that it reads."""

import ast
import re
from pathlib import Path

import pytest
import yaml

from kosplade.stages.train import READ

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src"
PIPELINE = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
SHARED = "kosplade.stages.inputs"
PLUMBING = {"kosplade.errors", "kosplade.files", "kosplade.params", "kosplade.stages"}


def module_of(stage: str) -> str:
    return re.search(r"-m (\S+)", PIPELINE[stage]["cmd"]).group(1)


def path_of(module: str) -> Path:
    path = SRC / module.replace(".", "/")
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def imports(module: str) -> set[str]:
    """Modules of the package that a module imports anywhere in its text."""
    found = set()
    for node in ast.walk(ast.parse(path_of(module).read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("kosplade"):
            for alias in node.names:
                deeper = f"{node.module}.{alias.name}"
                found.add(deeper if path_of(deeper).exists() else node.module)
    return found


def closure(module: str) -> set[str]:
    seen, todo = set(), [module]
    while todo:
        one = todo.pop()
        if one not in seen and one not in PLUMBING:
            seen.add(one)
            todo += imports(one)
    return seen


@pytest.mark.parametrize("stage", PIPELINE)
def test_a_stage_depends_on_exactly_the_modules_it_imports(stage):
    needed = {path_of(module).relative_to(ROOT).as_posix() for module in closure(module_of(stage))}
    declared = [dep for dep in PIPELINE[stage]["deps"] if dep.startswith("src/")]
    uncovered = {path for path in needed if not any(path == d or path.startswith(d + "/") for d in declared)}
    assert not uncovered, f"{stage} imports these without declaring them"
    idle = [d for d in declared if not any(path == d or path.startswith(d + "/") for path in needed)]
    assert not idle, f"{stage} declares these without importing them"


def test_a_folder_that_stages_depend_on_holds_only_what_stages_import():
    imported = {path_of(module) for stage in PIPELINE for module in closure(module_of(stage))}
    folders = {ROOT / dep for stage in PIPELINE.values() for dep in stage["deps"] if dep.startswith("src/")}
    held = {path for folder in folders for path in folder.rglob("*.py") if path.stat().st_size}
    idle = {path.relative_to(ROOT).as_posix() for path in held - imported}
    assert not idle, "a change in these would rerun stages for nothing"


def test_checkpoints_are_named_by_the_code_that_training_depends_on():
    """All of it but what cannot change the weights: texts were cut before, and the tokenizer is hashed as data."""
    declared = {dep for dep in PIPELINE["train"]["deps"] if dep.startswith("src/")}
    named = {f"src/kosplade/{name}" for name in READ}
    assert named <= declared
    apart = {"corpus/records.py", "corpus/text.py", "stages/train.py", "vocab/lengths.py", "vocab/tokenizer.py"}
    assert declared - named == {f"src/kosplade/{name}" for name in apart}


def code_of(stage: str) -> list[ast.AST]:
    """A stage's own modules, and the functions that they take from the stages' shared module."""
    own = [
        ast.parse(path_of(module).read_text(encoding="utf-8"))
        for module in closure(module_of(stage)) - {SHARED}
        if module.startswith("kosplade.stages.")
    ]
    taken = {
        alias.name
        for tree in own
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == SHARED
        for alias in node.names
    }
    shared = ast.parse(path_of(SHARED).read_text(encoding="utf-8"))
    return [*own, *(node for node in shared.body if isinstance(node, ast.FunctionDef) and node.name in taken)]


def names_of_params(stage: str) -> set[str]:
    """Parameters that a stage's code reads, as `group.key` or `key`, from `params.<...>` in its text."""
    return set().union(*map(names_in, code_of(stage)))


def names_in(tree: ast.AST) -> set[str]:
    found = set()
    aliases = {"params": ""}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = (dotted(node.value) or "").removeprefix("self.")
            if name.startswith("params.") and name.count(".") == 1:
                aliases[node.targets[0].id] = name.removeprefix("params.") + "."
    inner = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and id(node) not in inner and (name := dotted(node)):
            name = name.removeprefix("self.")
            head, _, rest = name.partition(".")
            if head in aliases and rest:
                found.add(aliases[head] + rest)
    return found


def dotted(node: ast.AST) -> str | None:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (head := dotted(node.value)):
        return f"{head}.{node.attr}"
    return None


@pytest.mark.parametrize("stage", PIPELINE)
def test_a_stage_declares_every_parameter_its_module_reads(stage):
    declared = PIPELINE[stage].get("params", [])
    read = names_of_params(stage)

    def meet(one: str, other: str) -> bool:
        return one == other or one.startswith(other + ".") or other.startswith(one + ".")

    assert not {name for name in read if not any(meet(name, d) for d in declared)}
    idle = [d for d in declared if not any(meet(d, name) for name in read)]
    assert not idle, f"{stage} declares these without reading them"


def test_every_parameter_belongs_to_a_stage():
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    leaves = {f"{g}.{k}" for g, group in params.items() if isinstance(group, dict) for k in group}
    leaves |= {key for key, value in params.items() if not isinstance(value, dict)}
    declared = {d for stage in PIPELINE.values() for d in stage.get("params", [])}
    assert not {leaf for leaf in leaves if not any(leaf == d or leaf.startswith(d + ".") for d in declared)}
