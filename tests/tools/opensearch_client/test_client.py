"""Index and search over HTTP: the ranking is that of exact search, an interrupted run goes on where it stopped."""

import json

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from tiny_export import write_tiny_export
from tools.opensearch_client.conftest import DOCUMENTS, run

from kosplade.errors import UserError
from kosplade.retrieval.search import search, to_run
from kosplade.retrieval.served import load_export
from kosplade.retrieval.trec import read_run
from kosplade.tools.opensearch import indexing
from kosplade.tools.opensearch.features import kept_weights

QUERIES = {"질문 1 (100%)": "w5 w9", "q2": "w30 w8 w7", "q3": "w7", "q4": "w39 w12 w20 w33"}


@pytest.mark.parametrize("way", ["inference_free", "encoded"])
def test_ranking_is_that_of_exact_search(server, export, corpus, tmp_path, way, capsys):
    run("index", server, export, "--documents", corpus)
    assert "30 documents indexed, 0 were there; the index holds 30" in capsys.readouterr().out
    queries = tmp_path / "queries.jsonl"
    queries.write_text("".join(json.dumps({"_id": id_, "text": text}) + "\n" for id_, text in QUERIES.items()))
    output = tmp_path / "run.trec"
    encoded = ["--encoded"] if way == "encoded" else []
    run("search", server, export, "--queries", queries, "--output", output, "--top", 12, *encoded)

    model = load_export(export, max_query_length=64, max_document_length=512, batch_size=32)
    texts = [f"w9\n{text}" if i % 3 == 0 else text for i, text in enumerate(DOCUMENTS)]
    documents_NV = model.documents(texts, "test", np.flatnonzero(~model.unserved_V))
    assert documents_NV.nnz > 100
    documents_NV = csr_matrix(
        (kept_weights(documents_NV.data), documents_NV.indices, documents_NV.indptr), shape=documents_NV.shape
    )
    queries_QV = model.queries(list(QUERIES.values()), "test")[way]
    expected = to_run(list(QUERIES), [f"d{i}" for i in range(30)], *search(queries_QV, documents_NV, 12))
    found = read_run(output)
    assert ("q3" in found) == (way == "encoded")  # w7 is not served: no clause, no document
    for query_id, documents in expected.items():
        assert list(found.get(query_id, {})) == list(documents)
        np.testing.assert_allclose(list(found.get(query_id, {}).values()), list(documents.values()), rtol=1e-5)


def test_what_is_printed(server, export, corpus, capsys):
    run("index", server, export, "--documents", corpus)
    capsys.readouterr()
    run("search", server, export, "--query", "w9 w5", "--top", 2, "--explain")
    first, pieces, second, _ = capsys.readouterr().out.splitlines()
    rank, score, document_id, *text = first.split()
    assert rank == "1"
    assert float(score) > float(second.split()[1]) > 0
    number = int(document_id.removeprefix("d"))
    assert " ".join(text) == ("w9 " if number % 3 == 0 else "") + DOCUMENTS[number]
    products = [p.rpartition(" ")[2].split("*") for p in pieces.strip().split(", ")]
    assert sum(float(q) * float(d) for q, d in products) == pytest.approx(float(score), abs=0.02)
    run("search", server, export, "--query", "w7")
    assert capsys.readouterr().out == "Nothing was found.\n"
    assert server.requests[-1] == ("GET", "/docs/_mapping")  # an empty bool would mean every document


def test_a_dropped_connection_leaves_the_rest_for_the_next_run(server, export, corpus, monkeypatch, capsys):
    monkeypatch.setattr(indexing, "BATCH", 8)
    server.bulk_faults = [None, "drop", None, *["drop"] * 10]
    with pytest.raises(UserError, match=r"no answer \(.*run the same command again"):
        run("index", server, export, "--documents", corpus)
    assert [len(ids) for ids in server.bulks] == [8, 8]  # the first drop was made good by a retry
    server.bulk_faults, server.bulks = [], []
    run("index", server, export, "--documents", corpus)
    assert [id_ for ids in server.bulks for id_ in ids] == [f"d{i}" for i in range(16, 30)]
    assert "14 documents indexed, 16 were there; the index holds 30" in capsys.readouterr().out
    lines = corpus.read_text().splitlines()
    corpus.write_text("\n".join([json.dumps({"_id": "d0", "text": "w10"}), *lines[1:]]) + "\n")
    server.bulks = []
    run("index", server, export, "--documents", corpus)
    assert server.bulks == [["d0"]]  # its text is another now


def test_a_busy_server_is_waited_for(server, export, corpus):
    server.faults = [503, None, 429, 503]
    server.bulk_faults = [429, 429, 503, {"d3": (429, "rejected_execution_exception")}]
    run("index", server, export, "--documents", corpus)
    assert [len(ids) for ids in server.bulks] == [30, 1]
    assert len(server.indices["docs"].sources) == 30


def test_another_model_or_length_needs_recreate(server, export, corpus, tmp_path, word_tokenizer, capsys):
    other = tmp_path / "other"
    write_tiny_export(other, word_tokenizer, seed=1, positions=514)
    run("index", server, export, "--documents", corpus)
    with pytest.raises(UserError, match=r"of another model \(.*or delete it with --recreate\.$"):
        run("index", server, other, "--documents", corpus)
    with pytest.raises(UserError, match=r"of another model \(.*Search with the model that made it"):
        run("search", server, other, "--query", "w9")
    with pytest.raises(UserError, match="of documents cut to 512 pieces, not 6"):
        run("index", server, export, "--documents", corpus, "--max-document-length", 6)
    run("index", server, export, "--documents", corpus, "--recreate")
    assert ("DELETE", "/docs") not in server.requests  # it is as it should be
    run("index", server, other, "--documents", corpus, "--recreate")
    assert ("DELETE", "/docs") in server.requests
    assert "30 documents indexed, 0 were there" in capsys.readouterr().out
    run("search", server, other, "--query", "w9")
