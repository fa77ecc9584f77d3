"""A server behind a proxy, a small random model exported as a folder, and a corpus."""

import json
import os

import pytest
from opensearchpy import OpenSearch
from tiny_export import write_tiny_export
from tools.opensearch_client.proxy import Proxy

from kosplade.errors import UserError
from kosplade.tools.opensearch import connection
from kosplade.tools.opensearch.__main__ import main

DOCUMENTS = [f"w{5 + i % 35} w{5 + i * 7 % 35} w{5 + i * 11 % 35}" for i in range(30)]
INDEX = f"docs-{os.getpid()}"  # tests in other processes use the same server


def run(command, server, export, *options, url=None, index=INDEX):
    """The command line, with the server and the model of a test."""
    main([command, "--url", url or server.url, "--index", index, "--model", str(export), *map(str, options)])


def fails(match, command, *arguments, **options):
    """It ends with one line that matches."""
    with pytest.raises(UserError, match=match) as caught:
        run(command, *arguments, **options)
    assert "\n" not in str(caught.value)


def write_corpus(path, texts):
    """One document for each text, d0 the first; every third with a title."""
    records = [{"_id": f"d{i}", "text": text} for i, text in enumerate(texts)]
    for record in records[::3]:
        record["title"] = "w9"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


@pytest.fixture
def impatient(monkeypatch):
    """The client waits next to no time before it tries again."""
    monkeypatch.setattr(connection, "BACKOFF", 0.01)


@pytest.fixture
def nobody(impatient):
    """A proxy of nothing: what it is asked is a fault, or must not be asked at all."""
    with Proxy() as running:
        yield running
        running.shutdown()


@pytest.fixture
def client(opensearch):
    """An OpenSearch without the index."""
    client = OpenSearch([opensearch], timeout=60)
    yield client
    client.indices.delete(index=INDEX, ignore=404)


@pytest.fixture
def server(client, opensearch, impatient):
    """A proxy before that OpenSearch."""
    with Proxy(opensearch) as running:
        yield running
        running.shutdown()


@pytest.fixture
def export(tmp_path, word_tokenizer):
    write_tiny_export(tmp_path / "export", word_tokenizer, positions=514)
    return tmp_path / "export"


@pytest.fixture
def corpus(tmp_path):
    return write_corpus(tmp_path / "corpus.jsonl", DOCUMENTS)
