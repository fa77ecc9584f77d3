"""Approximate search on a real OpenSearch: ids that no segment folds, the client's way to and from them."""

import json
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from opensearchpy import RequestError
from opensearchpy.helpers import bulk
from scipy.sparse import csr_matrix
from tiny_export import WEIGHT_V, write_tiny_export
from tools.opensearch_client.conftest import INDEX, fails, run

from kosplade.errors import UserError
from kosplade.export import seismic
from kosplade.export.seismic import rank_pieces, ranks_of
from kosplade.retrieval.served import load_export
from kosplade.tools.opensearch import approximate
from kosplade.tools.opensearch.approximate import (
    approximate_query,
    check_ranks,
    sparse_vector_errors,
    to_ranked_features,
)
from kosplade.tools.opensearch.features import to_features
from kosplade.tools.opensearch.mapping import FIELD, index_body
from kosplade.tools.opensearch.searching import request_body, sparse_query
from kosplade.tools.opensearch.texts import read_documents

PIECES = 250_002
STEP = 1 / 64  # with a ceiling of 255 steps a byte holds each weight exactly, and Lucene's 9 bits do
# 100 pieces of which the fold by 65,536 is negative as two bytes, 100 of which it is not, and those that fold to them.
POOL = np.array([first + 300 * i for first in (65_536, 98_304, 131_072, 163_840) for i in range(100)])


def vectors(rows: int, nnz: int, seed: int) -> csr_matrix:
    rng = np.random.default_rng(seed)
    ids = np.concatenate([rng.choice(POOL, nnz, replace=False) for _ in range(rows)])
    weights = np.float32(rng.integers(1, 256, rows * nnz) * STEP)
    return csr_matrix((weights, (np.repeat(np.arange(rows), nnz), ids)), shape=(rows, PIECES))


def hold(client, body, features):
    """One segment of these documents, in a new index."""
    client.indices.create(index=INDEX, body=body)
    bulk(client, ({"_index": INDEX, "_id": str(i), "_source": {FIELD: one}} for i, one in enumerate(features)))
    client.indices.forcemerge(index=INDEX, max_num_segments=1)
    client.indices.refresh(index=INDEX)


@pytest.fixture
def plugin(client):
    if "opensearch-neural-search" not in client.cat.plugins():
        pytest.skip("the plugin neural-search is missing")


@pytest.fixture
def field(plugin):
    """Seismic from the first document on, with whole summaries, so that no cluster is skipped that matters."""
    parameters = {
        "quantization_ceiling_search": 255 * STEP,
        "quantization_ceiling_ingest": 255 * STEP,
        "approximate_threshold": 0,
        "summary_prune_ratio": 1.0,
    }
    return {"type": "sparse_vector", "method": {"name": "seismic", "parameters": parameters}}


@pytest.mark.full
def test_seismic_by_ranks_finds_what_rank_features_do(client, field):
    documents_NV, queries_QV = vectors(600, 20, seed=1), vectors(40, 6, seed=2)
    weight_V = np.zeros(PIECES, dtype=np.float32)
    weight_V[POOL] = np.random.default_rng(3).permutation(len(POOL)) + 1
    ranks = rank_pieces(weight_V, np.zeros(PIECES, dtype=bool))
    hold(client, index_body("m", 512), (to_features(row, "") for row in documents_NV))

    def found(ask):
        """Of each query, the ten scores, and the documents of those that no eleventh can share."""
        answers = []
        for query_1V in queries_QV:
            hits = client.search(index=INDEX, body=request_body(ask(query_1V), 10, []))["hits"]["hits"]
            last = hits[-1]["_score"]
            answers.append(([hit["_score"] for hit in hits], {hit["_id"] for hit in hits if hit["_score"] > last}))
        return answers

    exact = found(sparse_query)
    assert all(len(scores) == 10 for scores, _ in exact)
    client.indices.delete(index=INDEX)
    hold(
        client,
        index_body("m", 512, "approximate", field=field),
        (to_ranked_features(row, "", ranks) for row in documents_NV),
    )
    assert found(partial(approximate_query, field=FIELD, ranks=ranks)) == exact
    cut = found(partial(approximate_query, field=FIELD, ranks=ranks, top_n=1))
    assert cut != exact  # it is Seismic that answers: an exact search would not look at top_n


@pytest.mark.full
def test_a_server_takes_a_large_id_for_a_small_one(client, field):
    """Why ids are ranks. Documents with such ids are worse: in 3.6 their shard fails as soon as Seismic begins."""
    hold(client, index_body("m", 512, "approximate", field=field), [{"7": 1.0}, {"8": 1.0}])
    query = {"query_tokens": {str(65_536 + 7): 1.0}, "method_parameters": {"top_n": 1}}
    hits = client.search(index=INDEX, body={"query": {"neural_sparse": {FIELD: query}}})["hits"]["hits"]
    assert [hit["_id"] for hit in hits] == ["0"]


@pytest.mark.full
def test_the_client_indexes_searches_and_explains_by_ranks(server, client, plugin, export, corpus, capsys):
    run("index", server, export, "--documents", corpus)
    capsys.readouterr()
    run("search", server, export, "--query", "w9 w5", "--top", 5, "--explain")
    exact = capsys.readouterr().out
    fails(
        "of documents cut to 512 pieces, not of documents for --approximate",
        "index",
        server,
        export,
        "--documents",
        corpus,
        "--approximate",
    )
    run("index", server, export, "--documents", corpus, "--approximate", "--recreate")
    assert "30 documents indexed, 0 were there; the index holds 30" in capsys.readouterr().out
    mappings = client.indices.get_mapping(index=INDEX)[INDEX]["mappings"]
    assert mappings["_meta"]["kosplade"]["kind"] == "approximate"
    assert mappings["properties"][FIELD]["type"] == "sparse_vector"
    ranks = ranks_of(load_export(export, max_query_length=8, max_document_length=8))
    query = {"neural_sparse": {FIELD: {"query_tokens": {str(ranks.rank_V[9]): 1.0}}}}
    assert "d0" in [hit["_id"] for hit in client.search(index=INDEX, body={"query": query, "size": 30})["hits"]["hits"]]
    run("search", server, export, "--query", "w9 w5", "--top", 5, "--explain")
    assert capsys.readouterr().out == exact  # below the threshold of Seismic
    run("search", server, export, "--query", "w7")
    assert capsys.readouterr().out == "Nothing was found.\n"
    run("index", server, export, "--documents", corpus, "--approximate")
    assert "0 documents indexed, 30 were there" in capsys.readouterr().out
    fails(
        "of documents for --approximate, cut to 512 pieces, not of documents cut to 512",
        "index",
        server,
        export,
        "--documents",
        corpus,
    )


@pytest.mark.full
def test_documents_without_a_ranked_piece_are_held_too(server, client, plugin, export, corpus, monkeypatch):
    monkeypatch.setattr(seismic, "MOST", 1)
    monkeypatch.setattr(approximate, "MOST_LOST", 1)
    run("index", server, export, "--documents", corpus, "--approximate")
    body = {"query": {"neural_sparse": {FIELD: {"query_tokens": {"0": 1.0}}}}, "size": 50}
    assert 0 < len(client.search(index=INDEX, body=body)["hits"]["hits"]) < 30
    assert client.count(index=INDEX)["count"] == 30


def test_words_that_would_be_lost_are_refused_with_what_to_do(tmp_path, word_tokenizer, monkeypatch):
    monkeypatch.setattr(seismic, "MOST", 20)
    write_tiny_export(tmp_path / "export", word_tokenizer)
    model = load_export(tmp_path / "export", max_query_length=64, max_document_length=64)
    ranks = ranks_of(model)
    assert np.flatnonzero(ranks.rank_V >= 0).tolist() == [5, 6, *range(8, 26)]  # the lightest
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text(json.dumps({"_id": "a", "text": "w20 w20 w25"}) + "\n")
    assert check_ranks(model, ranks, tmp_path, read_documents(corpus), 1, str(corpus)) == 0
    corpus.write_text(corpus.read_text() + json.dumps({"_id": "b", "text": "w39 w7 w25"}) + "\n")
    with pytest.raises(UserError, match=r"corpus.jsonl: 35.8% of its words, .* --kind pruned --texts .*corpus.jsonl$"):
        check_ranks(model, ranks, tmp_path, read_documents(corpus), 2, str(corpus))
    uncounted = replace(model, query_weight_V=np.minimum(model.query_weight_V, np.float32(2)))
    with pytest.raises(UserError, match="--kind recounted"):
        check_ranks(uncounted, ranks_of(uncounted), tmp_path, read_documents(corpus), 2, str(corpus))
    monkeypatch.setattr(approximate, "MOST_LOST", 0.36)
    lost = WEIGHT_V[39] / (2 * WEIGHT_V[25] + WEIGHT_V[20] + WEIGHT_V[39])
    assert check_ranks(model, ranks, tmp_path, read_documents(corpus), 2, str(corpus)) == pytest.approx(lost.item())


def test_a_server_without_the_field_is_one_line():
    reason = "unknown setting [index.sparse] please check that any required plugins are installed"
    with pytest.raises(UserError, match=r"OpenSearch 3\.3 or later with the plugin"), sparse_vector_errors():
        raise RequestError(400, "settings_exception", {"error": {"reason": reason}})
    with pytest.raises(RequestError), sparse_vector_errors():
        raise RequestError(400, "invalid_index_name_exception", {"error": {"reason": "Invalid index name"}})
