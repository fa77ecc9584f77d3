"""An upload by the real client to a small server: what is committed, and what is refused before and on the way."""

import pytest
from card_sample import sample_card
from huggingface_hub import constants
from tiny_export import WEIGHT_V, write_tiny_export
from tools.hub.server import TOKEN, Server

from kosplade.errors import UserError
from kosplade.export import huggingface
from kosplade.export.sentence_transformers import write_sentence_transformers
from kosplade.tools.hub import NEEDED, main

REPO = "someone/tiny"


@pytest.fixture
def folder(tmp_path, word_tokenizer):
    return write_export(tmp_path / "export", word_tokenizer)


def write_export(folder, tokenizer):
    write_tiny_export(folder, tokenizer)
    write_sentence_transformers(folder, WEIGHT_V, tokenizer, max_query_length=5, max_document_length=8)
    (folder / "README.md").write_text(sample_card(query=5, document=8), encoding="utf-8")
    return folder


@pytest.fixture
def server(monkeypatch):
    with Server() as running:
        monkeypatch.setattr(constants, "ENDPOINT", running.url)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        yield running
        running.shutdown()


def push(folder, *arguments):
    main(["--folder", str(folder), *(arguments or (REPO,))])


def refusal(folder, *arguments) -> str:
    with pytest.raises(UserError) as refused:
        push(folder, *arguments)
    return str(refused.value)


def contents(folder) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("size", ["200MB", "2KB"], ids=["one file", "shards"])
def test_the_commit_is_the_folder(tmp_path, word_tokenizer, server, capsys, monkeypatch, size):
    monkeypatch.setattr(huggingface, "SHARD", size)
    folder = write_export(tmp_path / "export", word_tokenizer)
    push(folder)
    assert server.repos[REPO] == contents(folder)
    assert server.private == set()
    assert capsys.readouterr().out == f"[push-hf] {server.url}/{REPO}\n"


def test_weights_of_an_earlier_export_do_not_stay(folder, server, word_tokenizer, tmp_path, monkeypatch):
    push(folder, REPO, "--private")
    assert server.private == {REPO}
    server.repos[REPO]["LICENSE"] = b"of the owner"
    monkeypatch.setattr(huggingface, "SHARD", "2KB")
    other = write_export(tmp_path / "other", word_tokenizer)
    push(other, REPO, "--private")
    assert server.repos[REPO] == contents(other) | {"LICENSE": b"of the owner"}


def test_a_public_repository_does_not_become_private(folder, server):
    server.repos[REPO] = {}
    assert "is public. Make it private" in refusal(folder, REPO, "--private")
    assert server.repos[REPO] == {}


def test_a_card_without_a_licence_is_said(folder, server, capsys):
    (folder / "README.md").write_text(sample_card(source="user"), encoding="utf-8")
    push(folder)
    assert "the card states no licence" in capsys.readouterr().out


def test_a_folder_that_is_no_export_is_refused_before_anything_is_sent(folder, server):
    for name in (*NEEDED, "model.safetensors"):
        (folder / name).rename(folder / "away")
        assert "Run: make convert-v25-hf" in refusal(folder)
        (folder / "away").rename(folder / name)
    assert server.repos == {}


@pytest.mark.parametrize("repo", ["a/b/c", "some one/tiny", ""])
def test_what_is_no_name_of_a_repository(folder, server, repo):
    assert "owner/name" in refusal(folder, repo)
    assert server.repos == {}


def test_no_token_and_a_wrong_one(folder, server, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_old")
    assert "Invalid credentials" in refusal(folder)
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(folder / "no token"))
    assert "hf auth login" in refusal(folder)
    assert server.repos == {}


def test_what_the_hub_refuses_names_the_repository_and_the_reason(folder, server, monkeypatch):
    assert "others/tiny on http://127.0.0.1:" in (said := refusal(folder, "others/tiny"))
    assert "don't have the rights" in said
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    assert "http://127.0.0.1:9" in refusal(folder)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "offline" in refusal(folder).lower()
