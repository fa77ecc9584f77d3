"""What Seismic loses against exact search, by its settings. `PYTHONPATH=src python benchmarks/approximate.py`.

Documents of a BEIR folder are indexed by ranks as `index --approximate` does, in one segment that Seismic searches from
its first document on. Recall@10 is the share of the ten best of exact search (weights as the model gives them, on the
pieces that the stage eval encodes) that are among the ten found, so cut weights, bytes and pieces without a rank count
as well; nDCG@10 is by the judgements. An index is created on the server, and deleted at the end.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from opensearchpy import OpenSearch
from opensearchpy.helpers import bulk
from scipy.sparse import csr_matrix, load_npz, save_npz

from kosplade.errors import UserError
from kosplade.export.seismic import Ranks, field_of, ranks_of
from kosplade.files import write_json
from kosplade.retrieval.beir import Collection, read_collection
from kosplade.retrieval.encoding import used_pieces
from kosplade.retrieval.metrics import retrieval_metrics
from kosplade.retrieval.results import format_table
from kosplade.retrieval.search import search, to_run
from kosplade.retrieval.served import WAYS, ServedModel, load_export
from kosplade.tools.opensearch.approximate import approximate_query, to_ranked_features
from kosplade.tools.opensearch.connection import connect, server_errors
from kosplade.tools.opensearch.mapping import FIELD, index_body

INDEX = "benchmark-approximate"
DEPTH = 10
EVERY = 10_000  # tokens: more than a query has
TOP_N = (5, 10, 20, 40, EVERY)
HEAP_FACTOR = (0.8, 1.0, 1.2)


def encode(model: ServedModel, collection: Collection, folder: Path | None) -> dict[str, csr_matrix]:
    """Vectors of the documents, and of the queries by each of WAYS; kept in `folder`, or read from there."""
    made = {
        "documents": lambda: model.documents(collection.documents, "documents"),
        "inference_free": lambda: model.inference_free(collection.queries),
        "encoded": lambda: model.encoded(collection.queries, "queries", used_pieces(vectors["documents"])),
    }
    vectors = {}
    for name, make in made.items():
        file = folder / f"{name}.npz" if folder else None
        vectors[name] = load_npz(file) if file and file.exists() else make()
        if file and not file.exists():
            save_npz(file, vectors[name])
    return vectors


def quantiles(vectors: csr_matrix, ranks: Ranks, ceiling: float) -> dict[str, object]:
    """What of the weights an index or a query by ranks does not hold."""
    ranked = ranks.to_ranks(vectors)
    return {
        "largest": round(float(vectors.data.max()), 2),
        "99.9 %": round(float(np.quantile(vectors.data, 0.999)), 2),
        "ceiling": ceiling,
        "above it": f"{np.mean(ranked.data > ceiling):.3%}",
        "weight without a rank": f"{1 - ranked.sum() / vectors.sum():.2%}",
        "nnz": round(vectors.nnz / vectors.shape[0], 1),
    }


def fill(client: OpenSearch, field: dict, ranks: Ranks, documents_NV: csr_matrix) -> None:
    """One segment of all documents, which Seismic searches."""
    parameters = field["method"]["parameters"] | {"approximate_threshold": 0}
    field = field | {"method": field["method"] | {"parameters": parameters}}
    client.indices.delete(index=INDEX, ignore=404)
    client.indices.create(index=INDEX, body=index_body("benchmark", 0, "approximate", field=field))
    features = (to_ranked_features(row, "", ranks) for row in documents_NV)
    bulk(client, ({"_index": INDEX, "_id": str(i), "_source": {FIELD: one}} for i, one in enumerate(features) if one))
    client.indices.forcemerge(index=INDEX, max_num_segments=1, request_timeout=600)
    client.indices.refresh(index=INDEX)


def ask(client: OpenSearch, queries_QV: csr_matrix, ranks: Ranks, **method: float) -> list[list[tuple[int, float]]]:
    """For each query the documents found, best first, with their scores."""
    found = []
    for query_1V in queries_QV:
        query = approximate_query(query_1V, FIELD, ranks, size=DEPTH, **method)
        body = {"size": DEPTH, "query": query, "_source": False, "track_total_hits": False}
        hits = client.search(index=INDEX, body=body)["hits"]["hits"] if query else []
        found.append([(int(hit["_id"]), hit["_score"]) for hit in hits])
    return found


def main(options: argparse.Namespace) -> None:
    """Encode, index, search with every setting, print the tables."""
    model = load_export(options.model, max_query_length=64, max_document_length=options.length)
    collection = read_collection(options.beir, options.split)
    ranks, field = ranks_of(model), field_of(model)
    ceilings = field["method"]["parameters"]
    vectors = encode(model, collection, options.vectors)
    documents_NV = vectors.pop("documents")
    weights = [{"of": "documents"} | quantiles(documents_NV, ranks, ceilings["quantization_ceiling_ingest"])]
    for way, queries_QV in vectors.items():
        weights.append({"of": way} | quantiles(queries_QV, ranks, ceilings["quantization_ceiling_search"]))
    print(format_table(weights, list(weights[0])) + "\n")
    client, rows = connect(options.url), []
    with server_errors(options.url, INDEX):
        fill(client, field, ranks, documents_NV)
        for way in WAYS:
            ids_QK, scores_QK = search(vectors[way], documents_NV, DEPTH)
            exact = [set(ids[ids >= 0].tolist()) for ids in ids_QK]
            run = to_run(collection.query_ids, collection.document_ids, ids_QK, scores_QK)
            ndcg = retrieval_metrics(collection.qrels, run)["ndcg10"]
            rows.append({"queries": way, "top_n": "exact", "heap_factor": "", "Recall@10": 1.0, "nDCG@10": ndcg})
            for top_n in TOP_N:
                for heap_factor in HEAP_FACTOR:
                    found = ask(client, vectors[way], ranks, top_n=top_n, heap_factor=heap_factor)
                    shares = [len(e & {i for i, _ in f}) / len(e) for e, f in zip(exact, found, strict=True) if e]
                    run = {
                        query_id: {collection.document_ids[i]: score for i, score in hits}
                        for query_id, hits in zip(collection.query_ids, found, strict=True)
                    }
                    rows.append(
                        {
                            "queries": way,
                            "top_n": "all" if top_n == EVERY else top_n,
                            "heap_factor": heap_factor,
                            "Recall@10": round(float(np.mean(shares)), 4),
                            "nDCG@10": retrieval_metrics(collection.qrels, run)["ndcg10"],
                        }
                    )
                    print(rows[-1], file=sys.stderr, flush=True)
        client.indices.delete(index=INDEX)
    print(format_table(rows, list(rows[0])))
    if options.json:
        write_json(options.json, {"documents": len(collection.documents), "weights": weights, "searches": rows})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, default=Path("huggingface/v25/best"), help="an exported folder")
    parser.add_argument("--beir", type=Path, default=Path("data/prepared"), help="a BEIR folder")
    parser.add_argument("--split", default="val", help="whose queries are asked")
    parser.add_argument("--length", type=int, default=128, help="pieces of a document (default: as in training)")
    parser.add_argument("--url", default="http://localhost:9200", help="a server with the plugin neural-search")
    parser.add_argument("--vectors", type=Path, metavar="DIR", help="where vectors are kept for the next call")
    parser.add_argument("--json", type=Path)
    try:
        main(parser.parse_args())
    except UserError as error:
        sys.exit(f"Error: {error}")
