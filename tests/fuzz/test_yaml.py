"""params.yaml, gates.yaml, registry.yaml, sources.yaml and .dvc files with a hostile value in any place."""

import dataclasses
import hashlib
import json
import math
import re
import subprocess
import zipfile
from pathlib import Path, PurePosixPath

import pytest
from fuzz.cases import case, outcome, share
from fuzz.texts import any_texts, damaged, half_texts
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from kosplade.files import read_yaml
from kosplade.params import load_params
from kosplade.report.review.gates import read_gates
from kosplade.tools.imports.download import fetch
from kosplade.tools.imports.registry import read_registry
from kosplade.wheels import fetch_wheel

ROOT = Path(__file__).parents[2]
PLACE = "@@"
LAUGHS = "[&a [x,x,x,x,x,x,x,x,x,x], &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a], &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]]"
HOSTILE = [
    *("null", "true", "yes", "no", "~", "''", '" "', "0", "-1", "-0.0", "1_000", "0x10", "0o17", "017", "1e5", "1e999"),
    *(
        ".nan",
        ".inf",
        "-.inf",
        "9" * 400,
        "9" * 5000,
        "-" + "9" * 5000,
        "0x" + "f" * 5000,
        "1e-999",
        "'12'",
        "12:30:45",
    ),
    *("2001-99-99", "2001-01-01", "2001-01-01T99:99:99Z", "!!float x", "!!int x", "!!timestamp x", "!!binary '%%%'"),
    *("!!bool x", "!!null x", "!!str 7", "!!set {a, b}", "!!omap [a: 1]", "!!omap [a]", "!!pairs [a: 1]", "!!merge x"),
    "!!python/object/apply:os.system ['touch hostile']",
    "!!python/object:os.system {}",
    "!!python/name:os.system ''",
    "!!python/module:os ''",
    "!<tag:yaml.org,2002:python/object/apply:os.system> ['touch hostile']",
    *("&a [*a]", "*unknown", "&a x", "[&a x, *a]", "{<<: {a: 1}}", "{<<: [{a: 1}, {b: 2}]}", "{<<: 7}", "{a: 1, a: 2}"),
    LAUGHS,
    "{&k {a: 1}: 1, *k : 2}",
    *("[" * 19 + "]" * 19, "[" * 300 + "]" * 300, "[" * 20_000, "{a: " * 300 + "1" + "}" * 300),
    *(
        "{[a, b]: c}",
        "{{a: b}: c}",
        "{1: 2}",
        "{null: 1}",
        "{.nan: 1}",
        "[]",
        "{}",
        "[1, '2', null]",
        "[[]]",
        "{'': ''}",
    ),
    *('"\\ud800"', '"\\0"', '"\\x1b[31m"', '"a\\nb"', '"\\u200b"', '"\\u202e"', "'../../x'", "'/etc/passwd'", "'~/x'"),
    *(
        "'-o'",
        "'--help'",
        "'$(touch hostile)'",
        "'`touch hostile`'",
        "'; touch hostile'",
        "'http://['",
        "'https://x/..'",
    ),
    *(
        "'data/../x'",
        "'data/x'",
        "'data'",
        "'x.whl'",
        "'../x.whl'",
        "'0' # c",
        "%",
        "@x",
        "`x`",
        "|",
        ">",
        "? x",
        "- x",
    ),
    *(
        "[",
        "]",
        "{",
        "}",
        ",",
        '"',
        "'",
        "\t",
        "\0",
        "\x07",
        "\ufeff",
        "\u2028",
        "\x85",
        "...",
        "---",
        "%YAML 1.1",
        "# c",
    ),
]
snippets = st.one_of(
    st.sampled_from(HOSTILE),
    st.sampled_from(HOSTILE),
    any_texts.map(lambda text: json.dumps(text)),
    half_texts.map(json.dumps),
    st.integers().map(str),
    st.floats().map(repr),
)


def loaded(name: str) -> dict:
    return json.loads(json.dumps(YAML(typ="safe", pure=True).load((ROOT / name).read_text(encoding="utf-8"))))


PARAMS, GATES, SOURCES = loaded("params.yaml"), loaded("gates.yaml"), loaded("data/sources.yaml")
DATASETS = loaded("data/registry.yaml")["datasets"]


def paths(value: object, path: tuple = ()) -> list[tuple]:
    """The way to every part of a value, itself included."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(one for key, part in inner for one in paths(part, (*path, key)))]


@st.composite
def planted(draw, value: dict) -> tuple[tuple, str]:
    """(path, text): the value as YAML with a snippet for one of its parts, in it, or without that part."""
    path = draw(st.sampled_from(paths(value)[1:]))
    snippet = draw(snippets)
    value = json.loads(json.dumps(value))
    group = value
    for key in path[:-1]:
        group = group[key]
    how = draw(st.sampled_from(["replace", "replace", "replace", "remove", "add", "twice"]))
    if how == "replace" or isinstance(group, list):
        group[path[-1]] = PLACE
    elif how == "remove":
        del group[path[-1]]
    elif how == "add":
        group[draw(st.sampled_from(["new", "질문", "", "\ud800", "seed ", "Seed", "a\nb", "x" * 5000]))] = PLACE
    else:
        group[PLACE] = PLACE
    text = json.dumps(value, ensure_ascii=False)
    if how == "twice":
        text = text.replace(f'"{PLACE}": "{PLACE}"', f"{json.dumps(path[-1])}: {snippet}", 1)
    return path, text.replace(f'"{PLACE}"', snippet, 1)


def put(path: Path, text: str) -> Path:
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    return path


@share(9)
@given(one=planted(PARAMS))
def test_params(folder, one):
    key, text = one
    path = put(folder / "params.yaml", text)
    with case("params.yaml"):
        params, message = outcome(lambda: load_params(path))
        if message is not None:
            assert message.startswith((f"{path}: not valid YAML: ", "params.yaml: "))
            return
        assert key != ()
        found = dataclasses.asdict(params)
        wanted = YAML(typ="safe", pure=True).load(text)
        assert found == wanted
        for number in (value for value in flat(found) if isinstance(value, float)):
            assert math.isfinite(number)
        assert all(value.isprintable() or value.encode() for value in flat(found) if isinstance(value, str))


def flat(value: object) -> list:
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else None
    return [value] if parts is None else [leaf for part in parts for leaf in flat(part)]


@share(2)
@given(data=st.data(), name=st.sampled_from(["params.yaml", "gates.yaml", "data/registry.yaml"]))
def test_damaged_bytes(folder, data, name):
    whole = (ROOT / name).read_bytes()
    at = data.draw(st.integers(0, max(0, len(whole) - 400))) if name == "data/registry.yaml" else 0
    path = folder / "damaged.yaml"
    path.write_bytes(data.draw(damaged(whole[at : at + 3000])))
    readers = {"params.yaml": load_params, "gates.yaml": read_gates, "data/registry.yaml": read_registry}
    with case("damaged YAML"):
        _, message = outcome(lambda: readers[name](path))
        assert message is None or message.startswith((f"{path}:", "params.yaml: "))


@share(5)
@given(one=planted(GATES))
def test_gates(folder, one):
    path = put(folder / "gates.yaml", one[1])
    with case("gates.yaml"):
        gates, message = outcome(lambda: read_gates(path))
        if message is None:
            numbers = [*(limit.value for limit in gates.limits), gates.not_worse.level, gates.not_worse.tolerance]
            assert all(math.isfinite(number) for number in numbers)
            assert [f"{number:g}" for number in numbers]
            raw = YAML(typ="safe", pure=True).load(one[1])
            assert len(gates.limits) == sum(len(b) for metrics in raw["limits"].values() for b in metrics.values())
        else:
            assert message.startswith(f"{path}: ")


@share(5)
@given(one=st.sampled_from(DATASETS).flatmap(lambda entry: planted({"datasets": [entry]})))
def test_registry(folder, one):
    path = put(folder / "registry.yaml", one[1])
    with case("registry.yaml"):
        datasets, message = outcome(lambda: read_registry(path))
        if message is not None:
            assert message.startswith(f"{path}: ")
            return
        assert len(datasets) == len(YAML(typ="safe", pure=True).load(one[1])["datasets"])
        for dataset in datasets:
            for target in filter(None, (dataset.train, dataset.beir, dataset.folder)):
                assert ".." not in target.parts
                assert target.parts[0] == "data"
            for name in (name for names in dataset.files.values() for name in names):
                assert not {"/", ".."} & set(PurePosixPath(name).parts)
            for download in dataset.downloads:
                assert re.fullmatch(r"[^/\0]+", download.name)
                assert download.name not in (".", "..")
                assert not any(argument.startswith("-") for argument in download.arguments[1:3])
                assert "".join(download.arguments).encode()


@pytest.fixture(scope="module")
def cache(tmp_path_factory) -> tuple[Path, dict]:
    """A folder with one small wheel, and the entry of sources.yaml that pins it."""
    wheel = tmp_path_factory.mktemp("cache") / "tiny-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tiny/a.txt", "가나다")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    pin = {"name": "tiny", "package": "tiny", "version": "1.0", "wheel": wheel.name, "sha256": digest}
    return wheel, {"texts": [pin | {"platform": "any"}, SOURCES["texts"][0]], "models": SOURCES["models"]}


@share(5)
@given(data=st.data())
def test_sources(folder, cache, data):
    wheel, sources = cache
    _, text = data.draw(planted(sources))
    path = put(folder / "sources.yaml", text)
    called = []

    def pip(command: list[str], **_: object) -> subprocess.CompletedProcess:
        called.append(command)
        return subprocess.CompletedProcess(command, 1, "", "ERROR: no network")

    with case("sources.yaml"), pytest.MonkeyPatch.context() as patch:
        patch.setenv("KOSPLADE_CACHE", str(wheel.parent))
        patch.setattr(subprocess, "run", pip)  # what would be downloaded; nothing is
        found, message = outcome(lambda: fetch_wheel("tiny", path))
        assert found == wheel if message is None else str(path) in message or str(wheel.parent) in message
        for command in called:
            assert re.fullmatch(r"[A-Za-z0-9][\w.-]*==[\w.+!-]+", command[-1])
            assert re.fullmatch(r"[A-Za-z0-9_]+", command[-2])
        assert [file.name for file in wheel.parent.iterdir()] == [wheel.name]


DVC = {
    "md5": "0" * 32,
    "frozen": True,
    "deps": [{"path": "https://x/a", "md5": "1" * 32}],
    "outs": [{"md5": "2", "path": "a"}],
}


@share(3)
@given(one=planted(DVC))
def test_a_pin_of_dvc(folder, one):
    (dataset,) = read_registry(put(folder / "one.yaml", json.dumps({"datasets": DATASETS[2:3]})))
    target = folder / "imports" / dataset.name
    target.mkdir(parents=True, exist_ok=True)
    for download in dataset.downloads:
        (target / download.name).touch()
        put(target / f"{download.name}.dvc", one[1])
    with case(".dvc files"), pytest.MonkeyPatch.context() as patch:
        patch.setattr("kosplade.tools.imports.registry.IMPORTS", folder / "imports")
        found, message = outcome(lambda: fetch(dataset, lambda line: None))
        assert str(target) in message if message else found.keys() == {d.name for d in dataset.downloads}


@pytest.mark.parametrize("text", ["a: &a [1]\nb: *a", "a: &a {b: 1}\nc: {<<: *a}", f"a: {LAUGHS}"])
def test_an_alias_is_named_with_its_line(tmp_path, text):
    _, message = outcome(lambda: read_yaml(put(tmp_path / "a.yaml", text)))
    assert re.search(rf"a\.yaml: not valid YAML: line {text.count(chr(10)) + 1}: alias \*a\. ", message)
