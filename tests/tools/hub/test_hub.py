"""An upload by the real client to a strict server: what is committed, what loads after a download, what is refused."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from export.card_sample import sample_card
from huggingface_hub import constants, snapshot_download
from safetensors.torch import save_file
from sentence_transformers import SparseEncoder as LoadedEncoder
from tiny_export import WEIGHT_V, write_tiny_export
from tools.hub.repo import LFS, Repo, sha256
from tools.hub.server import ROUTES, TOKEN, Server

from kosplade.export import huggingface
from kosplade.export.sentence_transformers import DOCUMENT, INFERENCE_FREE, QUERY, write_sentence_transformers
from kosplade.tools import hub

REPO = "someone/tiny"
TEXTS = ["w5 w6 w8 w9", "w10 w5 w5", "w20 w21"]
FILE = "/{repo_id}/resolve/{revision}/{filename}"
COMMIT = f"POST /api/models/{REPO}/commit/main"
INDEX = f"{INFERENCE_FREE}/{DOCUMENT}/model.safetensors.index.json"


@pytest.fixture(params=["200MB", "2KB"], ids=["one file", "shards"])
def size(request, monkeypatch):
    monkeypatch.setattr(huggingface, "SHARD", request.param)


@pytest.fixture
def folder(tmp_path, word_tokenizer):
    return write_export(tmp_path / "export", word_tokenizer)


def write_export(folder, tokenizer, seed=0):
    write_tiny_export(folder, tokenizer, seed)
    write_sentence_transformers(folder, WEIGHT_V, tokenizer, max_query_length=5, max_document_length=8)
    (folder / "README.md").write_text(sample_card(query=5, document=8), encoding="utf-8")
    return folder


@pytest.fixture
def server(monkeypatch, tmp_path):
    with Server() as running:
        monkeypatch.setattr(constants, "ENDPOINT", running.url)
        # The client puts this together once, when it is imported.
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", running.url + FILE)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no token"))
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        yield running
        running.shutdown()


def push(folder, *arguments):
    hub.main(["--folder", str(folder), *(arguments or (REPO,))])


def refusal(folder, *arguments) -> str:
    with pytest.raises(SystemExit) as stopped:
        push(folder, *arguments)
    message = str(stopped.value)
    assert message.startswith("Error: ")
    assert "\n" not in message
    assert TOKEN not in message
    return message


def run(*command, server, tmp_path, **variables) -> str:
    """A process of its own, which finds the server by its environment alone; its output."""
    env = os.environ | {"HF_ENDPOINT": server.url, "HF_HOME": str(tmp_path / "home"), "PYTHONPATH": "src"} | variables
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, *command], cwd=root, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def contents(folder) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def uploaded(repo: Repo) -> dict[str, bytes]:
    return {path: data for path, data in repo.files.items() if path != ".gitattributes"}


@pytest.mark.usefixtures("size")
def test_the_commit_is_the_folder(folder, server, capsys):
    push(folder)
    assert uploaded(server.repos[REPO]) == contents(folder)
    assert set(server.objects) == {sha256(data) for path, data in contents(folder).items() if path.endswith(LFS)}
    assert not server.repos[REPO].private
    assert server.requests.count(COMMIT) == 1
    assert server.refused == []
    assert capsys.readouterr().out == f"[push-hf] {server.url}/{REPO}\n"


def test_the_command_line_finds_the_hub_by_its_environment(folder, server, tmp_path):
    command = ("-m", "kosplade.tools.hub", "--folder", str(folder), REPO, "--private")
    out = run(*command, server=server, tmp_path=tmp_path, HF_HUB_DISABLE_XET="1", HF_TOKEN=TOKEN)
    assert out == f"[push-hf] {server.url}/{REPO}\n"
    assert uploaded(server.repos[REPO]) == contents(folder)
    assert server.repos[REPO].private


def test_large_files_go_to_xet_where_it_is_installed(folder, server, tmp_path):
    """What users get by default. The storage is a folder: hf_xet writes it, and the Hub never sees the bytes."""
    server.xet_storage = tmp_path / "storage"
    large = {path: data for path, data in contents(folder).items() if path.endswith(LFS)}
    server.objects = {sha256(data): data for data in large.values()}
    command = ("-m", "kosplade.tools.hub", "--folder", str(folder), REPO)
    run(*command, server=server, tmp_path=tmp_path, HF_HUB_DISABLE_XET="", HF_TOKEN=TOKEN)
    assert uploaded(server.repos[REPO]) == contents(folder)
    assert not [request for request in server.requests if "lfs" in request or request.startswith("PUT")]
    stored = sum(path.stat().st_size for path in server.xet_storage.rglob("*") if path.is_file())
    assert stored > len(large["model.safetensors"])


@pytest.mark.usefixtures("size")
def test_what_is_downloaded_gives_the_folders_vectors(folder, server, tmp_path):
    push(folder)
    for snapshot in (
        snapshot_download(REPO, cache_dir=tmp_path / "cache", token=False),  # links into a store of blobs
        snapshot_download(REPO, local_dir=tmp_path / "local", token=False),
    ):
        for place in ("", INFERENCE_FREE):
            theirs, ours = load(Path(snapshot, place)), load(folder / place)
            for way in ("encode_query", "encode_document"):
                found, expected = (getattr(one, way)(TEXTS).to_dense().numpy() for one in (theirs, ours))
                np.testing.assert_array_equal(found, expected)
                assert (found > 0).any(axis=1).all()


def load(place, **options) -> LoadedEncoder:
    return LoadedEncoder(str(place), device="cpu", **options)


def test_the_repositorys_name_loads_too(folder, server, tmp_path):
    push(folder)
    theirs = load(REPO, cache_folder=str(tmp_path / "cache"))
    found, expected = (one.encode_document(TEXTS).to_dense().numpy() for one in (theirs, load(folder)))
    np.testing.assert_array_equal(found, expected)
    assert any(request.endswith("/model.safetensors") for request in server.requests if request.startswith("GET"))


def test_a_second_upload_sends_what_changed(folder, server):
    push(folder)
    push(folder)
    assert server.repos[REPO].commits == 1
    server.requests.clear()
    (folder / "README.md").write_text(sample_card(query=5, document=9), encoding="utf-8")
    push(folder)
    assert uploaded(server.repos[REPO]) == contents(folder)
    assert not [request for request in server.requests if request.startswith("PUT")]


def test_weights_of_an_earlier_export_do_not_stay(folder, server, word_tokenizer, tmp_path, monkeypatch):
    push(folder)
    server.repos[REPO].files["LICENSE"] = b"of the owner"
    monkeypatch.setattr(huggingface, "SHARD", "2KB")
    other = write_export(tmp_path / "other", word_tokenizer, seed=1)
    push(other)
    assert uploaded(server.repos[REPO]) == contents(other) | {"LICENSE": b"of the owner"}
    assert "model.safetensors" not in server.repos[REPO].files


def test_a_card_without_a_licence_is_said(folder, server, capsys):
    (folder / "README.md").write_text(sample_card(source="user"), encoding="utf-8")
    push(folder)
    assert "the card states no licence" in capsys.readouterr().out


@pytest.mark.parametrize("repo", ["tiny", "a/b/c", "some one/tiny", "someone/tiny.git", "", "someone/"])
def test_what_is_no_name_of_a_repository(folder, server, repo):
    assert "owner/name" in refusal(folder, repo)
    assert server.requests == []


def test_every_file_of_an_export_is_needed(folder, server):
    assert refusal(folder / "none").endswith("none not found. Run: make convert-v25-hf")
    names = sorted(contents(folder))
    assert {f"{INFERENCE_FREE}/{QUERY}/model.safetensors", "model.safetensors", INDEX} < set(names)
    for name in names:
        (folder / name).rename(folder / "away")
        message = refusal(folder)
        assert f" {name} missing. Run: make convert-v25-hf" in message
        (folder / "away").rename(folder / name)
    assert server.requests == []
    push(folder)


def test_a_shard_that_is_missing(tmp_path, word_tokenizer, server, monkeypatch):
    monkeypatch.setattr(huggingface, "SHARD", "2KB")
    folder = write_export(tmp_path / "export", word_tokenizer)
    next(folder.glob("model-00002-*")).unlink()
    assert re.search(r"no complete export: model-00002-of-\d+.safetensors missing", refusal(folder))


def cut(path):
    path.write_bytes(path.read_bytes()[:-1])


def outside(path):
    index = json.loads(path.read_text())
    index["weight_map"] = dict.fromkeys(index["weight_map"], "../../../other/model.safetensors")
    path.write_text(json.dumps(index))


@pytest.mark.parametrize(
    ("name", "damage", "said"),
    [
        ("model.safetensors", cut, "model.safetensors: damaged"),
        ("model.safetensors", lambda path: save_file({"other": torch.ones(2)}, path), "has no tensor"),
        (INDEX, outside, "which is outside"),
        (INDEX, lambda path: path.write_text("[]"), "no index of weights"),
        (INDEX, lambda path: path.write_text("{"), "not JSON"),
    ],
)
def test_a_damaged_export(folder, server, name, damage, said):
    damage(folder / name)
    message = refusal(folder)
    assert said in message
    assert message.endswith("Run: make convert-v25-hf")
    assert server.requests == []


def test_no_token(folder, server, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    assert refusal(folder) == "Error: no token of the Hub. Set HF_TOKEN, or run: hf auth login"
    assert server.requests == []


def test_a_token_that_the_hub_does_not_know(folder, server, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_old")
    message = refusal(folder)
    assert "does not know the token (401: " in message
    assert message.endswith("then: hf auth login")
    assert server.repos == {}


def test_an_owner_that_the_token_may_not_write_to(folder, server):
    assert "the token may not write to 'others' (403: You don't have the rights" in refusal(folder, "others/tiny")


def test_a_public_repository_does_not_become_private(folder, server):
    push(folder)
    server.requests.clear()
    assert f"{REPO} is public. Make it private in its settings" in refusal(folder, REPO, "--private")
    assert COMMIT not in server.requests


def test_a_card_that_the_hub_refuses_makes_no_repository(folder, server):
    card = folder / "README.md"
    card.write_text(card.read_text(encoding="utf-8").replace("license: mit", "license: of some kind"), encoding="utf-8")
    assert "must be one of the list" in refusal(folder)
    assert server.repos == {}


@pytest.mark.parametrize(
    ("request_", "status", "said"),
    [
        ("POST /api/repos/create", 503, "has no time (503: "),
        ("PUT /upload", 403, "(403: "),  # in a thread of the client, which wraps it
        (COMMIT, 413, f"refuses {REPO} (413: a fault of the test"),
    ],
)
def test_a_hub_that_fails_on_the_way(folder, server, request_, status, said):
    server.faults[request_] = status
    assert said in refusal(folder)
    server.faults.clear()
    push(folder)  # goes on
    assert uploaded(server.repos[REPO]) == contents(folder)


def test_a_hub_that_cannot_be_reached(folder, server, monkeypatch):
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    assert re.search(r"http://127.0.0.1:9 cannot be reached \(.+\). Check the network and HF_ENDPOINT", refusal(folder))


def test_offline_is_said(folder, server, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert refusal(folder) == "Error: HF_HUB_OFFLINE is set. Unset it to upload."


def test_something_else_at_the_address(folder, server, monkeypatch):
    monkeypatch.setattr(constants, "ENDPOINT", f"{server.url}/wiki")
    assert "(404: no such address: POST /wiki/api/validate-yaml)" in refusal(folder)


def test_an_answer_that_is_not_a_hubs(folder, server, monkeypatch):
    monkeypatch.setitem(ROUTES, "POST /api/repos/create", lambda _: {"hello": "world"})
    assert "Check HF_ENDPOINT" in refusal(folder)
