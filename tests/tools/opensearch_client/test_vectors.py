"""An index out of shards that were encoded before: the same scores as of one that the client encodes itself."""

import json
import re

import pytest
from tools.opensearch_client.conftest import INDEX, fails, run

from kosplade.tools.encode.__main__ import main as encode
from kosplade.tools.encode.shards import Encoded, Folder
from kosplade.tools.opensearch import feeding

pytestmark = pytest.mark.full
OTHER = f"{INDEX}-of-vectors"


@pytest.fixture
def vectors(export, corpus, tmp_path):
    """Shards of the corpus."""
    arguments = ["--model", export, "--input", corpus, "--output", tmp_path / "vectors", "--shard-lines", 8]
    encode(list(map(str, arguments)))
    return tmp_path / "vectors"


@pytest.fixture
def other(client):
    """The name of a second index, which goes at the end."""
    yield OTHER
    client.indices.delete(index=OTHER, ignore=404)


def ranked(client, index):
    """What a query on every piece finds, and the texts."""
    clauses = [{"rank_feature": {"field": f"features.p{i}", "linear": {}}} for i in range(8, 30)]
    hits = client.search(index=index, body={"query": {"bool": {"should": clauses}}, "size": 30})["hits"]["hits"]
    return {hit["_id"]: (hit["_score"], hit["_source"]) for hit in hits}


def test_scores_are_those_of_documents_encoded_here(
    server, client, export, corpus, vectors, other, monkeypatch, capsys
):
    monkeypatch.setattr(feeding, "BATCH", 3)
    run("index", server, export, "--documents", corpus)
    run("index", server, export, "--vectors", vectors, "--clients", 3, index=other)
    said = capsys.readouterr().out
    assert "30 documents indexed, 0 were there; the index holds 30" in said.split(other)[1]
    assert "4 of them were searched for: the scores are the dot products" in said
    expected, found = ranked(client, INDEX), ranked(client, other)
    assert found.keys() == expected.keys()
    for id_, (score, source) in expected.items():
        assert found[id_] == (pytest.approx(score, rel=1e-5), source)
    run("index", server, export, "--documents", corpus, index=other)  # the same index: nothing is encoded again
    assert "0 documents indexed, 30 were there" in capsys.readouterr().out


@pytest.mark.parametrize("clients", [1, 3])
def test_what_was_sent_before_an_interruption_is_not_sent_again(server, export, vectors, monkeypatch, capsys, clients):
    monkeypatch.setattr(feeding, "BATCH", 3)
    server.bulk_faults = [None, None, *["drop"] * 20]
    fails("no answer", "index", server, export, "--vectors", vectors, "--clients", clients)
    server.bulk_faults = []
    capsys.readouterr()
    run("index", server, export, "--vectors", vectors, "--clients", clients)
    said = capsys.readouterr().out
    there = re.search(r"(\d+) were there; the index holds 30", said)
    assert int(there[1]) in ((6,) if clients == 1 else (5, 6))  # two batches of 3, or one of the last 2 of a shard


def test_vectors_for_seismic(server, client, export, vectors, capsys):
    run("index", server, export, "--vectors", vectors, "--approximate")
    assert "30 documents indexed" in capsys.readouterr().out
    run("search", server, export, "--query", "w9 w5", "--top", 3)
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_what_is_wrong_is_said_before_an_index_is_made(server, client, export, corpus, vectors, tmp_path):
    manifest = json.loads((vectors / "manifest.json").read_text())
    fails("no folder of encoded documents", "index", server, export, "--vectors", tmp_path / "none")
    (vectors / "manifest.json").write_text(json.dumps(manifest | {"model": "another"}))
    fails("was encoded by another model", "index", server, export, "--vectors", vectors)
    del manifest["documents"]
    (vectors / "manifest.json").write_text(json.dumps(manifest))
    fails("is not complete", "index", server, export, "--vectors", vectors)
    assert not client.indices.exists(index=INDEX)
    for options in (["--documents", corpus, "--clients", 2], ["--vectors", vectors, "--chunk"]):
        with pytest.raises(SystemExit):
            run("index", server, export, *options)


def test_scores_that_are_not_the_dot_products_are_an_error(server, client, export, vectors, monkeypatch):
    run("index", server, export, "--vectors", vectors)
    read = Folder.read

    def scaled(self):
        for encoded in read(self):
            yield Encoded(encoded.documents, encoded.vectors_NV * 1.01)

    monkeypatch.setattr(Folder, "read", scaled)
    fails(r"document 'd0' scores .* where the dot product is", "index", server, export, "--vectors", vectors)
