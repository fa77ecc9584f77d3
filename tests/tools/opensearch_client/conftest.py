"""A server, a small random model exported as a folder, and a corpus."""

import json

import pytest
from tiny_export import write_tiny_export
from tools.opensearch_client.server import Server

from kosplade.tools.opensearch import connection
from kosplade.tools.opensearch.__main__ import main

DOCUMENTS = [f"w{5 + i % 35} w{5 + i * 7 % 35} w{5 + i * 11 % 35}" for i in range(30)]


def run(command, server, export, *options, url=None, index="docs"):
    """The command line, with the server and the model of a test."""
    main([command, "--url", url or server.url, "--index", index, "--model", str(export), *map(str, options)])


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(connection, "BACKOFF", 0.01)
    with Server() as running:
        yield running
        running.shutdown()


@pytest.fixture
def export(tmp_path, word_tokenizer):
    write_tiny_export(tmp_path / "export", word_tokenizer, positions=514)
    return tmp_path / "export"


@pytest.fixture
def corpus(tmp_path):
    """30 documents, every third with a title."""
    path = tmp_path / "corpus.jsonl"
    records = [{"_id": f"d{i}", "text": text} for i, text in enumerate(DOCUMENTS)]
    for record in records[::3]:
        record["title"] = "w9"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path
