"""The opensearch/ folder on a real server without a network: its README runs as it is, the vectors are ours."""

import json
import re
import subprocess
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import numpy as np
import pytest
from opensearchpy import OpenSearch
from own_node import own_node
from tiny_export import write_tiny_export

from kosplade.export import seismic
from kosplade.export.hybrid_requests import DEPTH, bm25_query
from kosplade.export.opensearch import FIELD, write_opensearch
from kosplade.export.piece_names import piece_names
from kosplade.export.seismic import ranks_of
from kosplade.retrieval.encoding import inference_free, without
from kosplade.retrieval.hybrid import hybrid_run
from kosplade.retrieval.served import load_export

pytestmark = pytest.mark.full
LENGTHS = {"max_query_length": 16, "max_document_length": 16}
EXAMPLE = "w5 w9 w20 w7"
TEXTS = [" ".join(f"w{5 + (row * step) % 35}" for step in (1, 1, 3, 7, 11)[: 1 + row % 5]) for row in range(1, 20)]


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def node():
    with own_node() as running:
        yield running


@pytest.fixture
def served(node, tmp_path, word_tokenizer, monkeypatch):
    """What the README's requests leave: a client, the folder, the ids of both models, what the search said."""
    monkeypatch.setattr(seismic, "MOST", 30)  # so that a few pieces have no rank
    write_tiny_export(tmp_path / "export", word_tokenizer)
    folder = tmp_path / "export/opensearch"
    write_opensearch(tmp_path / "export", version="v25", licence="Be kind.", example=EXAMPLE, **LENGTHS)
    script = "\n".join(re.findall(r"```bash\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL))
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as files:
        threading.Thread(target=files.serve_forever, daemon=True).start()
        for given, here in (("9200", node.port), ("8000", files.server_port)):
            assert f"http://localhost:{given}" in script
            script = script.replace(f"http://localhost:{given}", f"http://127.0.0.1:{here}")
        command = ["bash", "-euo", "pipefail", "-c", script + '\necho; echo "$document $query $ranks"']
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
        files.shutdown()
    assert done.returncode == 0, done.stdout + done.stderr
    *_, answer, ids = done.stdout.splitlines()
    document, query, ranks = ids.split()
    return SimpleNamespace(
        client=OpenSearch([node.url], timeout=60),
        folder=folder,
        document=document,
        query=query,
        ranks=ranks,
        found=json.loads(answer[answer.index('{"took"') :]),
        model=load_export(tmp_path / "export", **LENGTHS),
    )


def test_the_readme_runs_and_the_vectors_of_the_server_are_ours(served):
    client, model = served.client, served.model
    names = piece_names(model.tokenizer)
    [hit] = served.found["hits"]["hits"]
    assert hit["_source"]["text"] == EXAMPLE
    documents_NV = without(model.raw(TEXTS, "document", ""), model.unserved_V).toarray()
    expected = [{names[id_]: pytest.approx(row[id_], abs=1e-5) for id_ in np.flatnonzero(row)} for row in documents_NV]

    path = f"/_plugins/_ml/_predict/sparse_encoding/{served.document}"
    answer = client.transport.perform_request("POST", path, body={"text_docs": TEXTS})
    said = [
        one
        for result in answer["inference_results"]
        for output in result["output"]
        for one in output["dataAsMap"]["response"]
    ]
    assert said == expected

    # By the ingest pipeline: title and text together, without the weights that are small.
    client.indices.delete(index="docs")
    client.indices.create(index="docs", body=json.loads((served.folder / "index_rank_features.json").read_text()))
    for index in ("docs", "near"):
        lines = [line for i, text in enumerate(TEXTS) for line in ({"index": {"_id": i}}, {"title": "", "text": text})]
        assert not client.bulk(body="".join(json.dumps(line) + "\n" for line in lines), index=index, refresh=True)[
            "errors"
        ]
    for row, vector_V in enumerate(documents_NV):
        held = client.get(index="docs", id=row)["_source"][FIELD]
        assert held == {
            names[id_]: pytest.approx(vector_V[id_], abs=1e-5)
            for id_ in np.flatnonzero(vector_V >= vector_V.max() / 10)
        }

    # The same documents again: none is encoded.
    before = predictions(client, served.document)
    assert not client.bulk(body="".join(json.dumps(line) + "\n" for line in lines), index="docs", refresh=True)[
        "errors"
    ]
    assert predictions(client, served.document) == before > 0

    ranks = ranks_of(model)
    kept_NV = np.where(documents_NV >= documents_NV.max(axis=1, keepdims=True) / 10, documents_NV, 0)
    for row, vector_V in enumerate(kept_NV):
        held = client.get(index="near", id=row)["_source"][FIELD]
        pieces = np.flatnonzero((vector_V > 0) & (ranks.rank_V >= 0))
        assert held == {str(ranks.rank_V[id_]): pytest.approx(vector_V[id_], abs=1e-5) for id_ in pieces}
    assert kept_NV[:, ranks.rank_V < 0].any()

    # Five forms of one query.
    query_V = inference_free(model.pieces([EXAMPLE], "query"), model.query_weight_V).toarray()[0]
    best = {str(row): score for row, score in enumerate(kept_NV @ query_V) if score > 0}
    for path in sorted((served.folder / "queries").glob("[!h]*")):
        body = json.loads(
            path.read_text().replace("RANK_QUERY_MODEL_ID", served.ranks).replace("QUERY_MODEL_ID", served.query)
        ) | {"size": len(TEXTS)}
        hits = client.search(index="near" if "sparse_vector" in path.name else "docs", body=body)["hits"]["hits"]
        found = {hit["_id"]: hit["_score"] for hit in hits}
        assert found == pytest.approx({id_: best[id_] for id_ in found}, rel=2**-7), path.name
        assert len(found) == len(best) or "sparse_vector" in path.name  # which gives k at most
        assert max(found.values()) == pytest.approx(max(best.values()), rel=2**-7), path.name

    # With BM25, by both pipelines that the README puts there.
    text = (served.folder / "queries/hybrid_text.json").read_text().replace("QUERY_MODEL_ID", served.query)
    lexical = client.search(index="docs", body={"query": bm25_query(EXAMPLE), "size": DEPTH})["hits"]["hits"]
    parts = {"q": best}, {"q": {hit["_id"]: hit["_score"] for hit in lexical}}
    expected = hybrid_run(*parts, model.hybrid_weight["inference_free"], len(TEXTS))["q"]
    hits = client.search(
        index="docs", body=json.loads(text) | {"size": len(TEXTS)}, search_pipeline="kosplade-v25-hybrid"
    )["hits"]["hits"]
    assert {hit["_id"]: hit["_score"] for hit in hits} == pytest.approx(expected, abs=2e-2)  # a kept weight has 9 bits
    hits = client.search(index="docs", body=json.loads(text), search_pipeline="kosplade-v25-rrf")["hits"]["hits"]
    assert 1 / 61 <= hits[0]["_score"] <= 2 / 61


def predictions(client: OpenSearch, model: str) -> int:
    """How often the node has asked a model."""
    nodes = client.transport.perform_request("GET", f"/_plugins/_ml/profile/models/{model}")["nodes"]
    return sum(node["models"][model]["predict_request_stats"]["count"] for node in nodes.values())
