"""The collection of a run in a real OpenSearch, by the client: the figures are those of the stage eval."""

import pytest
from opensearchpy import OpenSearch
from pipeline.conftest import SMALL

from kosplade.retrieval.beir import read_collection
from kosplade.retrieval.metrics import retrieval_metrics
from kosplade.retrieval.trec import read_run
from kosplade.tools.opensearch.__main__ import main

pytestmark = pytest.mark.full
INDEX = "pipeline"


def test_a_server_gives_the_figures_of_the_evaluation(small, opensearch, tmp_path):
    data, expected = small.folder / "data/prepared", small.metrics()["eval.json"]["val"]
    place = ["--url", opensearch, "--index", INDEX, "--model", str(small.folder / "huggingface/v25/best")]
    documents = ["--documents", str(data / "corpus.jsonl")]
    try:
        main(["index", *place, *documents, "--max-document-length", str(SMALL["model.max_document_length"])])
        for way, encoded in (("inference_free", []), ("encoded", ["--encoded"])):
            output = tmp_path / f"{way}.trec"
            queries = ["--queries", str(data / "queries.jsonl"), "--output", str(output), "--top", "100", *encoded]
            main(["search", *place, *queries, "--max-query-length", str(SMALL["model.max_query_length"])])
            found = retrieval_metrics(read_collection(data, "val").qrels, read_run(output))
            assert found["ndcg10"] > 0
            # A kept weight has 9 bits: two documents that nearly tie may change places, and with 24 queries one such
            # pair moves a mean by some thousandths. Scores are compared exactly by the client's own tests.
            assert found == pytest.approx({name: expected[way][name] for name in found}, abs=0.01)
    finally:
        OpenSearch([opensearch]).indices.delete(index=INDEX, ignore=404)
