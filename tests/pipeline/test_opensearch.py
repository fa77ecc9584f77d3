"""The collection of a run in a real OpenSearch, by the client: the scores are those of the stage eval."""

import pytest
from opensearchpy import OpenSearch
from pipeline.conftest import SMALL

from kosplade.retrieval.trec import read_run
from kosplade.tools.opensearch.__main__ import main

pytestmark = pytest.mark.full
INDEX = "pipeline"


def test_a_server_gives_the_scores_of_the_evaluation(small, opensearch, tmp_path):
    data = small.folder / "data/prepared"
    place = ["--url", opensearch, "--index", INDEX, "--model", str(small.folder / "huggingface/v25/best")]
    documents = ["--documents", str(data / "corpus.jsonl")]
    try:
        main(["index", *place, *documents, "--max-document-length", str(SMALL["model.max_document_length"])])
        for way, encoded in (("inference_free", []), ("encoded", ["--encoded"])):
            output = tmp_path / f"{way}.trec"
            queries = ["--queries", str(data / "queries.jsonl"), "--output", str(output), "--top", "100", *encoded]
            main(["search", *place, *queries, "--max-query-length", str(SMALL["model.max_query_length"])])
            found, offline = read_run(output), read_run(small.folder / f"outputs/eval_v25/runs/val.{way}.trec")
            assert found.keys() == offline.keys()
            for query, scores in offline.items():
                # By rank: documents that nearly tie may change places, since a kept weight has 9 bits. Encoded queries
                # also meet foreign expansions, which the stage leaves out and a model that hardly learnt has.
                server, ours = (sorted(of.values(), reverse=True)[:10] for of in (found[query], scores))
                assert server == pytest.approx(ours, rel=0.05) or encoded
    finally:
        OpenSearch([opensearch]).indices.delete(index=INDEX, ignore=404)
