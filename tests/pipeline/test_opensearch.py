"""The collection of a run in a real OpenSearch, by the client: the scores are those of exact search."""

import pytest
from opensearchpy import OpenSearch
from pipeline.conftest import SMALL

from kosplade.retrieval.beir import read_collection
from kosplade.retrieval.search import search
from kosplade.retrieval.served import load_export
from kosplade.retrieval.trec import read_run
from kosplade.tools.opensearch.__main__ import main

pytestmark = pytest.mark.full
INDEX = "pipeline"


def test_a_server_gives_the_scores_of_exact_search(small, opensearch, tmp_path):
    data = small.folder / "data/prepared"
    place = ["--url", opensearch, "--index", INDEX, "--model", str(small.folder / "huggingface/v25/best")]
    documents = ["--documents", str(data / "corpus.jsonl")]
    lengths = {f"max_{side}_length": SMALL[f"model.max_{side}_length"] for side in ("query", "document")}
    model, collection = load_export(small.folder / "huggingface/v25/best", **lengths), read_collection(data, "val")
    documents_NV = model.documents(collection.documents, "")
    vectors = model.queries(collection.queries, "")
    try:
        main(["index", *place, *documents, "--max-document-length", str(SMALL["model.max_document_length"])])
        for way, encoded in (("inference_free", []), ("encoded", ["--encoded"])):
            output = tmp_path / f"{way}.trec"
            queries = ["--queries", str(data / "queries.jsonl"), "--output", str(output), "--top", "100", *encoded]
            main(["search", *place, *queries, "--max-query-length", str(SMALL["model.max_query_length"])])
            found, (_, scores_QK) = read_run(output), search(vectors[way], documents_NV, 10)
            for query, scores_K in zip(collection.query_ids, scores_QK, strict=True):
                # By rank: documents that nearly tie may change places, since a kept weight has 9 bits.
                server = sorted(found.get(query, {}).values(), reverse=True)[:10]
                assert server == pytest.approx(scores_K[scores_K > 0].tolist(), rel=0.01)
    finally:
        OpenSearch([opensearch]).indices.delete(index=INDEX, ignore=404)
