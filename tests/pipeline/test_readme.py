"""The READMEs, CONTRIBUTING.md and docs/ name only what exists; blocks marked `runnable` run as they are written."""

import ast
import importlib.util
import json
import re
import shlex
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from dvc.cli import parse_args
from opensearchpy import OpenSearch

from kosplade.retrieval.results import QUALITY, SYSTEMS

ROOT = Path(__file__).parents[2]
READMES = ("README.md", "README.ko.md")
DOCUMENTS = [*READMES, "CONTRIBUTING.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]
OTHERS = {"export", "git", "pip", "pip-audit", "source"}  # commands that are not ours to check
SERVER = "http://localhost:9200"
BLOCK = re.compile(r"^```(\w+)( runnable)?\n(.*?)^```", re.MULTILINE | re.DOTALL)


@cache
def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(language: str, *before: object) -> list:
    """Every block of a language in all documents, with the document and its first line as its name."""
    return [
        pytest.param(*before, body, id=f"{name}: {body.splitlines()[0]}")
        for name in DOCUMENTS
        for found, _, body in BLOCK.findall(text_of(name))
        if found == language
    ]


def runnable() -> list:
    """The marked blocks in a reader's order, each once: the two READMEs share commands and differ in comments."""
    found: dict[tuple[str, str], object] = {}
    for name in DOCUMENTS:
        for language, mark, body in BLOCK.findall(text_of(name)):
            if mark:
                test = pytest.param(language, body, id=f"{name}: {body.splitlines()[0]}")
                found.setdefault((language, uncommented(body)), test)
    return list(found.values())


def uncommented(body: str) -> str:
    return re.sub(r"(^|[ \t]+)#.*", "", body, flags=re.MULTILINE).replace("\\\n", " ")


def commands(body: str) -> Iterator[list[str]]:
    """The simple commands of a shell text, without assignments before them; what `bash -c` is given counts as well."""
    plain = re.sub(r"\$\([^)]*\)", "", uncommented(body))
    lexer = shlex.shlex(plain, posix=True, punctuation_chars=";&|\n")
    lexer.whitespace, lexer.whitespace_split, lexer.commenters = " \t", True, ""
    command: list[str] = []
    for token in [*lexer, "\n"]:
        if set(token) <= set(";&|\n"):
            while command and re.match(r"[A-Z_]+=", command[0]):
                command.pop(0)
            if command[:3] == ["srun", "bash", "-c"]:
                yield from commands(command[3])
            elif command:
                yield command[command.index("python") :] if command[0] == "torchrun" else command
            command = []
        else:
            command.append(token)


@cache
def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z0-9-]+):", text_of("Makefile"), re.MULTILINE))


@cache
def parameters() -> set[str]:
    groups = yaml.safe_load(text_of("params.yaml"))
    return {
        name
        for key, value in groups.items()
        for name in ([f"{key}.*", *(f"{key}.{leaf}" for leaf in value)] if isinstance(value, dict) else [key])
    }


def options_of(program: Path) -> set[str]:
    """The options that a program's text names, or that of what it shares with others."""
    shared = [ROOT / "benchmarks/measure.py", ROOT / "src/kosplade/tools/options.py"]
    return {option for file in (program, *shared) for option in re.findall(r'"(--[a-z-]+)"', file.read_text("utf-8"))}


def check(command: list[str]) -> None:
    """Fail on a command that does not exist or does not take its options."""
    name, *arguments = command
    if name == "make":
        assert next(a for a in arguments if "=" not in a) in make_targets(), command
    elif name == "dvc":
        if all(word.isalpha() for word in arguments):  # a name (`dvc add`), or a command without options
            with pytest.raises(SystemExit):  # the parser's own error is another
                parse_args([*arguments, "--help"])
            return
        options = parse_args(arguments)  # raises where DVC would refuse
        for setting in getattr(options, "set_param", None) or []:
            assert setting.split("=")[0] in parameters(), command
    elif name == "python":
        program = ROOT / arguments[0]
        if arguments[0] == "-m":
            found = importlib.util.find_spec(arguments[1])
            assert found, command
            main = Path(found.origin).with_name("__main__.py")
            program = main if found.submodule_search_locations and main.exists() else Path(found.origin)
        assert {a.split("=")[0] for a in arguments if a.startswith("--")} <= options_of(program), command
    else:
        assert name in OTHERS, command


def test_the_readmes_have_the_same_headings_in_the_same_order():
    levels, korean = (re.findall(r"^(#+) ", BLOCK.sub("", text_of(name)), re.MULTILINE) for name in READMES)
    assert levels == korean
    assert len(levels) > 10


def test_the_readme_is_short():
    assert len(text_of("README.md").splitlines()) <= 180


@pytest.mark.parametrize("body", blocks("bash"))
def test_commands_of_a_block_exist(body):
    for command in commands(body):
        check(command)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_commands_and_parameters_in_the_text_exist(name):
    groups = "|".join(key.removesuffix(".*") for key in parameters() if key.endswith(".*"))
    for span in re.findall(r"`([^`\n]+)`", BLOCK.sub("", text_of(name))):
        if re.match(r"(make|dvc) \w|python -m|python benchmarks", span):
            for command in commands(span):
                check(command)
        if found := re.match(rf"(?:-S )?((?:{groups})\.[a-z0-9_*]+)", span):
            assert found[1] in parameters(), span


@pytest.mark.parametrize(("parse", "body"), [*blocks("python", ast.parse), *blocks("json", json.loads)])
def test_other_blocks_are_of_their_language(parse, body):
    parse(body)


@pytest.mark.parametrize("body", blocks("mermaid"))
def test_the_drawn_pipeline_is_that_of_dvc_yaml(body):
    stages, kinds = yaml.safe_load(text_of("dvc.yaml"))["stages"], ("outs", "metrics", "plots")
    outs = {
        name: {out if isinstance(out, str) else next(iter(out)) for kind in kinds for out in stage.get(kind, [])}
        for name, stage in stages.items()
    }
    drawn = set()
    for line in body.splitlines()[1:]:
        steps = [step.split(" & ") for step in line.strip().split(" --> ")]
        for first, second in pairwise(steps):
            for source in first:
                for target in second:
                    assert outs[source] & set(stages[target]["deps"]), (source, target)
                    drawn |= {source, target}
    assert drawn == set(stages)


@pytest.mark.parametrize("name", [*DOCUMENTS, "CHANGELOG.md"])
def test_links_lead_somewhere(name):
    for target in re.findall(r"\]\(([^)\s]+)\)", text_of(name)):
        if not target.startswith("https://"):
            file, _, anchor = target.partition("#")
            found = (ROOT / name).parent / file if file else ROOT / name
            assert found.exists(), target
            assert not anchor or anchor in anchors(found), target


def anchors(document: Path) -> list[str]:
    """What GitHub makes of the headings."""
    headings = re.findall(r"^#+ (.*)", document.read_text(encoding="utf-8"), re.MULTILINE)
    return [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]


@pytest.mark.parametrize("name", [*READMES, "docs/results.md"])
def test_the_first_table_holds_the_committed_figures(name):
    header, _, *rows = re.search(r"^\|.*?\n\n", text_of(name), re.MULTILINE | re.DOTALL)[0].splitlines()[
        : 2 + len(SYSTEMS)
    ]
    measures = {title: ("test", key) for key, title in QUALITY.items()}
    measures |= {split: (split, "ndcg10") for split in ("test", "wider")}
    columns = [(place, *measures[cell]) for place, cell in enumerate(header.split(" | ")) if cell in measures]
    figures = json.loads(text_of("metrics/eval.json"))
    assert len(columns) >= 2
    for row, system in zip(rows, SYSTEMS, strict=True):
        shown = [row.strip("| ").split(" | ")[place] for place, _, _ in columns]
        assert shown == [f"{figures[split][system][key]:.3f}" for _, split, key in columns], row


@pytest.fixture(scope="module")
def docs_server(opensearch) -> Iterator[str]:
    """A server whose indices are made by the first blocks that name them, and gone after the last."""
    client, made = OpenSearch([opensearch]), "docs,near,long"
    client.indices.delete(index=made, ignore_unavailable=True)
    yield opensearch
    client.indices.delete(index=made, ignore_unavailable=True)


@pytest.mark.full
@pytest.mark.parametrize(("language", "body"), runnable())
def test_a_block_runs_as_written(clone, language, body, request):
    before = clone.metrics()
    if SERVER in body:
        body = body.replace(SERVER, request.getfixturevalue("docs_server"))
    clone.run(*{"bash": ("bash", "-euo", "pipefail", "-c"), "python": ("python", "-c")}[language], body)
    clone.restore()
    assert clone.metrics() == before
