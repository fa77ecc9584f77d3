"""BM25 and the sparse field together: scores are those of `hybrid_run` over what each part finds alone."""

import json

import pytest
from tiny_export import HYBRID_WEIGHT
from tools.opensearch_client.conftest import INDEX, fails, run

from kosplade.export.hybrid_requests import DEPTH, bm25_query, hybrid_query, rrf_pipeline
from kosplade.retrieval.hybrid import hybrid_run
from kosplade.retrieval.served import load_export
from kosplade.retrieval.trec import read_run
from kosplade.tools.opensearch.searching import request_body, sparse_query, with_bm25

pytestmark = pytest.mark.full
QUERIES = ["w9 w5", "w30", "w7 w11 w20 w33"]  # w7 is never served


@pytest.fixture
def plugins(client) -> str:
    names = client.cat.plugins()
    if "neural-search" not in names:
        pytest.skip("the plugin neural-search is missing")
    return names


@pytest.fixture
def queries(tmp_path):
    path = tmp_path / "queries.jsonl"
    path.write_text("".join(f'{{"_id": "q{i}", "text": "{text}"}}\n' for i, text in enumerate(QUERIES)))
    return path


@pytest.mark.parametrize(("way", "options"), [("inference_free", ()), ("encoded", ("--encoded",))])
def test_scores_and_order(plugins, server, client, export, corpus, queries, tmp_path, way, options):
    run("index", server, export, "--documents", corpus)
    out = {way: tmp_path / way for way in ("sparse", "hybrid")}
    ask = ("search", server, export, "--queries", queries, *options, "--output")
    run(*ask, out["sparse"], "--top", DEPTH)
    run(*ask, out["hybrid"], "--top", 10, "--hybrid")
    lexical = {}
    for row, text in enumerate(QUERIES):
        hits = client.search(index=INDEX, body={"size": DEPTH, "query": bm25_query(text)})["hits"]["hits"]
        lexical[f"q{row}"] = {hit["_id"]: hit["_score"] for hit in hits}
    expected = hybrid_run(read_run(out["sparse"]), lexical, HYBRID_WEIGHT[way], 10)
    found = read_run(out["hybrid"])
    for query_id, scores in expected.items():
        assert list(found[query_id].values()) == pytest.approx(list(scores.values()), abs=2e-3)
        assert found[query_id] != read_run(out["sparse"])[query_id]
    model = load_export(export, max_query_length=16, max_document_length=16)
    sparse = sparse_query(model.inference_free(QUERIES)[0])
    body = {"query": hybrid_query(sparse, QUERIES[0]), "search_pipeline": rrf_pipeline()}
    ranks = client.search(index=INDEX, body=body)["hits"]["hits"]
    assert 1 / 61 <= ranks[0]["_score"] <= 2 / 61


def test_more_hits_ask_for_more_of_each_part():
    depths = [
        with_bm25(request_body({}, size, []), "w9", 0.5)["query"]["hybrid"]["pagination_depth"] for size in (10, 500)
    ]
    assert depths == [DEPTH, 500]


@pytest.mark.parametrize("kind", ["--chunk", "--approximate"])
def test_any_kind_of_index_has_a_hybrid(plugins, server, export, corpus, capsys, kind):
    run("index", server, export, "--documents", corpus, kind)
    found = []
    for options in ((), ("--hybrid",)):
        capsys.readouterr()
        run("search", server, export, "--query", QUERIES[0], "--top", 3, "--explain", *options)
        found.append(capsys.readouterr().out)
    assert found[0] != found[1]
    assert float(found[1].split()[1]) <= 1
    assert found[0].count(" d") == found[1].count(" d") == 3


def test_korean_is_searched_without_particles(plugins, server, client, export, tmp_path):
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text('{"_id": "d", "text": "환불은 결제한 카드로 됩니다."}\n', encoding="utf-8")
    run("index", server, export, "--documents", corpus)
    hits = client.search(index=INDEX, body={"query": bm25_query("환불 카드")})["hits"]["hits"]
    assert [hit["_id"] for hit in hits] == (["d"] if "analysis-nori" in plugins else [])


def refusal(reason: str):
    """What a server without a plugin answers in place of doing as it is told."""
    error = {"type": "parsing_exception", "reason": reason}
    body = json.dumps({"error": {"root_cause": [error], **error}, "status": 400}).encode()
    return lambda _: (400, "application/json", body)


def test_without_nori_the_index_is_made_all_the_same(server, client, export, corpus, capsys):
    server.faults = [None, refusal("analyzer [nori] has not been configured in mappings")]
    run("index", server, export, "--documents", corpus)
    assert "without nori" in capsys.readouterr().out
    properties = client.indices.get_mapping(index=INDEX)[INDEX]["mappings"]["properties"]
    assert properties["text"] == {"type": "text"}
    run("index", server, export, "--documents", corpus)  # and found again


def test_without_neural_search_there_is_no_hybrid(server, export, corpus):
    run("index", server, export, "--documents", corpus)
    for reason in ("Invalid processor type normalization-processor", "unknown query [hybrid]"):
        server.faults = [None, refusal(reason)]
        fails("--hybrid: the server has no plugin neural-search", "search", server, export, "--query", "w9", "--hybrid")
