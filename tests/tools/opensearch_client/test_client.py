"""Index and search a real OpenSearch: the ranking is that of exact search, every problem is one line."""

import json

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from tiny_export import write_tiny_export
from tools.opensearch_client.conftest import DOCUMENTS, INDEX, fails, run

from kosplade.errors import UserError
from kosplade.retrieval.search import search, to_run
from kosplade.retrieval.served import load_export
from kosplade.retrieval.trec import read_run
from kosplade.tools.opensearch import connection, feeding
from kosplade.tools.opensearch.features import kept_weights

pytestmark = pytest.mark.full
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

    model = load_export(export, max_query_length=64, max_document_length=512)
    texts = [f"w9\n{text}" if i % 3 == 0 else text for i, text in enumerate(DOCUMENTS)]
    documents_NV = model.documents(texts, "test")
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


def test_a_dropped_connection_leaves_the_rest_for_the_next_run(server, export, corpus, monkeypatch, capsys):
    monkeypatch.setattr(feeding, "BATCH", 8)
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
    assert [list(ids) for ids in server.bulks] == [["d0"]]  # its text is another now


def test_a_busy_server_is_waited_for(server, export, corpus, monkeypatch):
    server.faults, server.bulk_faults = [503, None, 429, 503], [429, 429, 503]
    run("index", server, export, "--documents", corpus)
    assert [len(ids) for ids in server.bulks] == [30]
    monkeypatch.setattr(connection, "RETRIES", 1)
    server.faults = [429] * 20
    fails("429 circuit_breaking_exception: too busy. The server was", "search", server, export, "--query", "w9")


def test_another_model_or_length_needs_recreate(server, export, corpus, tmp_path, word_tokenizer, capsys):
    other = tmp_path / "other"
    write_tiny_export(other, word_tokenizer, seed=1, positions=514)
    run("index", server, export, "--documents", corpus)
    fails(r"of another model \(.*or delete it with --recreate\.$", "index", server, other, "--documents", corpus)
    fails(r"of another model \(.*Search with the model that made it", "search", server, other, "--query", "w9")
    options = ("--documents", corpus, "--max-document-length", 6)
    fails("of documents cut to 512 pieces, not 6", "index", server, export, *options)
    run("index", server, export, "--documents", corpus, "--recreate")
    assert ("DELETE", f"/{INDEX}") not in server.requests  # it is as it should be
    run("index", server, other, "--documents", corpus, "--recreate")
    assert ("DELETE", f"/{INDEX}") in server.requests
    assert "30 documents indexed, 0 were there" in capsys.readouterr().out
    run("search", server, other, "--query", "w9")


def test_an_index_that_is_not_there_or_of_someone_else(server, client, export, corpus):
    fails(f"index '{INDEX}' not found. Make it: ", "search", server, export, "--query", "w9")
    client.indices.create(index=INDEX)
    fails("so it is not ours", "search", server, export, "--query", "w9")
    fails("so it is not ours", "index", server, export, "--documents", corpus, "--recreate")
    assert client.indices.exists(index=INDEX)


def test_an_index_of_another_mapping(server, client, export, corpus):
    run("index", server, export, "--documents", corpus)
    mappings = client.indices.get_mapping(index=INDEX)[INDEX]["mappings"]
    mappings["properties"]["features"] = {"type": "text"}
    client.indices.delete(index=INDEX)
    client.indices.create(index=INDEX, body={"mappings": mappings})
    for command, *options in (("search", "--query", "w9"), ("index", "--documents", corpus)):
        fails("field 'features' is text, not rank_features", command, server, export, *options)


def test_a_name_that_the_server_refuses(server, export, corpus):
    match = "index 'Docs': 400 invalid_index_name_exception: Invalid index name"
    fails(match, "index", server, export, "--documents", corpus, index="Docs")


@pytest.mark.parametrize(
    ("block", "match"),
    [
        ("write", "30 documents were refused, the first, 'd0', with 403 cluster_block_exception: .*0 were indexed"),
        ("read_only", "30 documents were refused, the first, 'd0', with 403 cluster_block_exception: "),
        # What a node sets when its disk is nearly full.
        ("read_only_allow_delete", "30 documents were refused, .* 429 cluster_block_exception: .*disk usage exceeded"),
    ],
)
def test_an_index_that_must_not_be_written(server, client, export, corpus, block, match):
    empty = corpus.with_name("one.jsonl")
    empty.write_text('{"_id": "other", "text": "w6"}\n')
    run("index", server, export, "--documents", empty)
    client.indices.put_settings(index=INDEX, body={f"index.blocks.{block}": True})
    fails(match, "index", server, export, "--documents", corpus)
    run("search", server, export, "--query", "w9")
    client.indices.put_settings(index=INDEX, body={f"index.blocks.{block}": None})


def test_an_index_that_is_deleted_meanwhile(server, client, export, corpus, monkeypatch):
    def delete(forward):
        client.indices.delete(index=INDEX)
        return forward()

    monkeypatch.setattr(feeding, "BATCH", 8)
    server.faults = [None, None, None, delete]  # mapping, creation and two batches looked up
    fails(f"index '{INDEX}' cannot be read: it was deleted meanwhile", "index", server, export, "--documents", corpus)
    assert not client.indices.exists(index=INDEX)
    server.faults, server.bulk_faults = [], [None, delete]  # a moment later: the server makes one of its own
    fails(f"index '{INDEX}'.*not ours", "index", server, export, "--documents", corpus)


def test_documents_that_the_server_refuses(server, client, export, corpus):
    run("index", server, export, "--documents", corpus)
    refuse = {"fail": {"if": "ctx._id == 'd7' || ctx._id == 'd9'", "message": "I will not"}}
    client.ingest.put_pipeline(id=INDEX, body={"processors": [refuse]})
    client.indices.put_settings(index=INDEX, body={"index.final_pipeline": INDEX})
    corpus.write_text(corpus.read_text().replace("w", "w1 w"))
    match = "2 documents were refused, the first, 'd7', with 500 fail_processor_exception: I will not.*28 were indexed"
    fails(match, "index", server, export, "--documents", corpus)
    client.indices.put_settings(index=INDEX, body={"index.final_pipeline": "_none"})
    client.ingest.delete_pipeline(id=INDEX)


def test_a_query_of_more_pieces_than_the_server_takes(server, client, export, corpus, tmp_path):
    run("index", server, export, "--documents", corpus)
    queries = tmp_path / "queries.jsonl"
    queries.write_text('{"_id": "a", "text": "w9 w5"}\n{"_id": "b", "text": "w9 w5 w8"}\n')
    client.cluster.put_settings(body={"transient": {"indices.query.bool.max_clause_count": 2}})
    try:
        match = rf"index '{INDEX}': query 'b' has more pieces than the server takes, 2\. Shorten .*max_clause_count\.$"
        fails(match, "search", server, export, "--queries", queries, "--output", tmp_path / "run")
        assert not (tmp_path / "run").exists()
        fails("the query has more pieces than", "search", server, export, "--query", "w9 w5 w8")
    finally:
        client.cluster.put_settings(body={"transient": {"indices.query.bool.max_clause_count": None}})
