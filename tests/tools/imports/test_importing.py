"""`python -m kosplade.tools.imports` with the real DVC, from a Git repository and a web server of the test's own."""

import json

import pytest
import yaml
from tools.imports.conftest import run
from tools.imports.samples import BEIR, DOKDO, HANGANG, MIRACL, SEJONG_CUT, jsonl

from kosplade.retrieval.beir import read_collection

pytestmark = pytest.mark.full

PAIRS = [
    {"query": "한글을 만든 임금은?", "positive": SEJONG_CUT[0]},
    {"query": "해례본을 쓴 사람은?", "positive": SEJONG_CUT[1]},
]


def test_a_folder_of_a_git_repository(project, source):
    project.know("mrc", **source.entry("dataset/v1"))
    said = project.get("mrc")
    assert project.lines("data/v24.0/train_mrc.jsonl") == PAIRS
    assert read_collection(project.folder / "data/beir/mrc", "test").documents == [HANGANG, DOKDO]
    pin = yaml.safe_load((project.folder / "data/imports/mrc/v1.dvc").read_text())
    assert pin["deps"][0]["repo"] == {"url": source.url, "rev": source.good, "rev_lock": source.good}
    assert said == [
        "[import] title of mrc: size of mrc",
        "[import] licence: licence of mrc - licence_note of mrc",
        "[import] cite: citation of mrc",
        f"[import] data/imports/mrc/v1: dvc import {source.url} dataset/v1 --rev {source.good} -o",
        "[import] data/v24.0/train_mrc.jsonl and data/beir/mrc: 2 training pairs, 2 dev questions, 2 dev passages of "
        "at most 60 characters; questions left out: 1 share text with dev, 1 without an answer",
        "[import] next: set data.source to user in params.yaml, then make repro",
        "[import] next: make eval-beir DIR=data/beir/mrc; to keep the pins: git add data/imports/mrc",
    ]
    new = run(project.folder, "git", "status", "--short", "-uall", "data").stdout.split()[1::2]
    assert "data/imports/mrc/v1.dvc" in new
    assert not [path for path in new if path.startswith(("data/v24.0", "data/imports/mrc/v1/"))]

    before = {path: (project.folder / path).stat().st_mtime_ns for path in project.files()}
    again = project.get("mrc")
    assert again[3:5] == [
        "[import] data/imports/mrc/v1: there already",
        "[import] data/v24.0/train_mrc.jsonl and data/beir/mrc: up to date",
    ]
    assert {path: (project.folder / path).stat().st_mtime_ns for path in project.files()} == before


def test_beir_from_the_web_comes_once_and_comes_back(project, web):
    urls = [web.put(f"beir/{role}.jsonl", jsonl(*rows)) for role, rows in BEIR.items()]
    project.know("web", urls=urls, files={role: [f"{role}.jsonl"] for role in BEIR})
    project.get("web")
    found = read_collection(project.folder / "data/beir/web", "test")
    assert (found.document_ids, found.qrels) == (["d1", "d2"], {"q1": {"d1": 1}})
    made_from = json.loads((project.folder / "data/beir/web/imported.json").read_text())
    assert made_from["licence"] == "licence of web"
    assert [(name, one["from"]) for name, one in made_from["downloads"].items()] == [
        (f"{role}.jsonl", url) for role, url in zip(BEIR, urls, strict=True)
    ]

    web.sent.clear()
    assert project.get("web")[-2] == "[import] data/beir/web: up to date"
    assert not web.sent
    (project.folder / "data/imports/web/queries.jsonl").unlink()  # as in a fresh clone
    assert "[import] data/imports/web/queries.jsonl: fetching what queries.jsonl.dvc names" in project.get("web")
    assert "/beir/queries.jsonl" in web.sent

    project.know("web", **project.entries["web"] | {"urls": [f"{urls[0]}?v=2", *urls[1:]]})
    assert f"the registry {urls[0]}?v=2: the former stays." in "".join(project.get("web"))
    project.know("web", **project.entries["web"] | {"urls": [{"url": urls[0], "sha256": "0" * 64}, *urls[1:]]})
    assert f", not {'0' * 64}. Delete data/imports/web and run the same command again." in project.fail("web")


def test_miracl(project, source):
    topics, qrels, *corpus = (f"miracl/{name}" for name in MIRACL)
    files = {"queries": [topics], "qrels": [qrels], "corpus": corpus}
    project.know("miracl", **source.entry("dataset/miracl") | {"files": files})
    project.get("miracl")
    found = read_collection(project.folder / "data/beir/miracl", "test")
    assert (found.document_ids, found.qrels) == (["7#0", "7#1"], {"12": {"7#1": 1, "7#0": 0}})


@pytest.mark.parametrize("name", ["", "nothing"])
def test_an_unknown_name_lists_the_known_ones(project, name):
    assert "Known: " in project.fail(name)


def test_a_missing_source_leaves_nothing(project, web, source):
    url = f"{web.url}/gone.json"
    project.know("gone", urls=[url], files={"train": ["a"], "dev": ["b"]})
    project.know("rev", **source.entry("dataset/v1", "0" * 40))
    before = project.files()
    assert project.fail("gone") == (
        f"Error: dvc import-url {url} data/imports/gone/gone.json failed: dependency '{url}' does not exist. "
        "Check the network and data/registry.yaml."
    )
    assert f"failed: unknown Git revision '{'0' * 40}'. Check" in project.fail("rev")
    assert project.files() == before
    assert not (project.folder / "data/imports/gone").exists()


def test_bad_data_leaves_nothing_half_written(project, source):
    project.know("bad", **source.entry("dataset/v1", "HEAD"))
    assert project.fail("bad").startswith("Error: data/imports/bad/v1/train.json:1: data: Field required")
    made = [path for path in project.files() if "bad" in path]
    assert sorted(made) == [
        f"data/imports/bad/{name}" for name in (".gitignore", "v1.dvc", "v1/dev.json", "v1/train.json")
    ]


def test_a_file_of_the_users_is_not_replaced(project, source):
    project.know("mine", **source.entry("dataset/v1"))
    mine = project.folder / "data/v24.0/train_mine.jsonl"
    mine.write_text("mine")
    said = "Error: data/v24.0/train_mine.jsonl is there without a data/beir/mine/imported.json that says what made it."
    assert project.fail("mine") == f"{said} Move it."
    assert mine.read_text() == "mine"
