"""Ways to search one OpenSearch: quality, latency, disk. `PYTHONPATH=src python benchmarks/opensearch.py`.

A server must run (`make opensearch-up`, or OPENSEARCH_URL). Documents are those of a BEIR folder, encoded once; beyond
them, up to --documents, each is two of them joined: both texts, and of each piece the larger weight. Those are for
latency and disk; quality is that of the BEIR folder alone. One shard, merged to one segment, warm: each query has run
once before it is timed. Queries are inference-free and encoded before; latency is that of a client on this machine.
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from opensearchpy import OpenSearch
from opensearchpy.helpers import streaming_bulk
from scipy.sparse import csr_matrix
from tqdm import tqdm

from kosplade.errors import UserError
from kosplade.export.hybrid_requests import bm25_query, hybrid_query, normalization_pipeline, text_properties
from kosplade.export.seismic import Ranks, field_of, ranks_of
from kosplade.files import write_json
from kosplade.retrieval.beir import Collection, read_collection
from kosplade.retrieval.evaluation import SAMPLE_SEED
from kosplade.retrieval.metrics import per_query, retrieval_metrics
from kosplade.retrieval.results import format_table, gain
from kosplade.retrieval.served import ServedModel, load_export
from kosplade.retrieval.significance import gains
from kosplade.tools.opensearch.approximate import approximate_query, to_ranked_features
from kosplade.tools.opensearch.connection import connect, server_errors
from kosplade.tools.opensearch.features import to_boosts, to_features
from kosplade.tools.opensearch.mapping import FIELD
from kosplade.tools.opensearch.searching import sparse_query

PEER = "BM25, nori"
CLIENTS = 4
LEASE_SECONDS = 35  # index.soft_deletes.retention_lease.sync_interval is 30
DEPTH = 100  # documents of a query where quality is measured
SHOWN = 10  # where time is
TIMED = 200  # queries whose time is taken
TWO_PHASE = {
    "enabled": True,
    "two_phase_parameter": {"prune_ratio": 0.4, "expansion_rate": 5.0, "max_window_size": 10000},
}


@dataclass(frozen=True)
class Asked:
    """A query as text and as its inference-free vector [1, V]."""

    text: str
    vector_1V: csr_matrix


@dataclass(frozen=True)
class Way:
    """A way of searching: the index that it needs, and the body of a query."""

    name: str
    index: str
    body: Callable[[Asked], dict[str, Any]]


def exact(asked: Asked) -> dict[str, Any]:
    return {"neural_sparse": {FIELD: {"query_tokens": to_boosts(asked.vector_1V)}}}


def ways(weight: float, ranks: Ranks) -> list[Way]:
    """Every way; `weight` is that of the sparse part of a hybrid, `ranks` name the pieces for Seismic."""

    def clauses(asked: Asked) -> dict[str, Any]:
        return sparse_query(asked.vector_1V)

    def two_phase(asked: Asked) -> dict[str, Any]:
        pipeline = {"request_processors": [{"neural_sparse_two_phase_processor": TWO_PHASE}]}
        return {"query": exact(asked), "search_pipeline": pipeline}

    def seismic(asked: Asked) -> dict[str, Any]:
        return approximate_query(asked.vector_1V, FIELD, ranks, size=DEPTH)

    def hybrid(part: Callable[[Asked], dict[str, Any]], asked: Asked) -> dict[str, Any]:
        return {"query": hybrid_query(part(asked), asked.text), "search_pipeline": normalization_pipeline(weight)}

    return [
        Way("BM25, standard", "standard", lambda asked: {"query": bm25_query(asked.text)}),
        Way(PEER, "nori", lambda asked: {"query": bm25_query(asked.text)}),
        Way("rank_feature clauses", "sparse", lambda asked: {"query": clauses(asked)}),
        Way("neural_sparse", "sparse", lambda asked: {"query": exact(asked)}),
        Way("neural_sparse, two phases", "sparse", two_phase),
        Way("Seismic", "seismic", lambda asked: {"query": seismic(asked)}),
        Way("hybrid, rank_feature clauses", "both", partial(hybrid, clauses)),
        Way("hybrid, neural_sparse", "both", partial(hybrid, exact)),
        Way("hybrid, Seismic", "seismic", partial(hybrid, seismic)),
    ]


def bodies(model: ServedModel) -> dict[str, dict[str, Any]]:
    """What creates each index. Vectors are kept out of _source, as the client does; Seismic searches any segment."""
    field = field_of(model)
    field["method"]["parameters"]["approximate_threshold"] = 0
    unsearched = {"text": {"type": "text", "index": False}, "title": {"type": "text", "index": False}}
    sparse = {FIELD: {"type": "rank_features"}}
    fields = {
        "standard": text_properties(None),
        "nori": text_properties("nori"),
        "sparse": unsearched | sparse,
        "both": text_properties("nori") | sparse,
        "seismic": text_properties("nori") | {FIELD: field},
    }
    settings = {"number_of_shards": 1, "number_of_replicas": 0, "refresh_interval": -1}
    return {
        name: {
            "settings": {"index": settings | ({"sparse": True} if name == "seismic" else {})},
            "mappings": {"dynamic": "strict", "_source": {"excludes": [FIELD]}, "properties": properties},
        }
        for name, properties in fields.items()
    }


def joined(texts: list[str], vectors_NV: csr_matrix, count: int) -> Iterator[tuple[str, str, csr_matrix]]:
    """(id, text, vector [1, V]) of `count` documents: the given ones first, then pairs of them."""
    rng = np.random.default_rng(0)
    for row in range(count):
        if row < len(texts):
            yield f"{row}", texts[row], vectors_NV[row]
        else:
            one, other = rng.choice(len(texts), 2, replace=False)
            yield f"{row}", f"{texts[one]} {texts[other]}", vectors_NV[one].maximum(vectors_NV[other])


def fill(
    client: OpenSearch, name: str, body: dict[str, Any], documents: Iterator, count: int, ranks: Ranks
) -> dict[str, float]:
    """Index, merge; documents a second of indexing alone, and bytes on disk."""
    client.indices.delete(index=name, ignore=404)
    client.indices.create(index=name, body=body)
    kind = body["mappings"]["properties"].get(FIELD, {}).get("type")

    def features(vector_1V: csr_matrix, id_: str) -> dict[str, Any]:
        if kind == "rank_features":
            return {FIELD: to_features(vector_1V, id_)}
        return {FIELD: to_ranked_features(vector_1V, id_, ranks)} if kind else {}

    def actions() -> Iterator[dict[str, Any]]:
        for id_, text, vector_1V in documents:
            yield {"_index": name, "_id": id_, "_source": {"title": "", "text": text} | features(vector_1V, id_)}

    started = time.perf_counter()
    last: dict[str, Any] = {}

    def remembered() -> Iterator[dict[str, Any]]:
        for action in actions():
            last.update(action)
            yield action

    for _ in tqdm(streaming_bulk(client, remembered(), chunk_size=500), total=count, desc=name, mininterval=1):
        pass
    seconds = time.perf_counter() - started
    # OpenSearch keeps what _source excludes until no copy of the shard can want it: the merge after that drops it.
    client.indices.flush(index=name, wait_if_ongoing=True, force=True)
    time.sleep(LEASE_SECONDS)
    client.index(index=name, id=last["_id"], body=last["_source"], refresh=True)
    client.indices.flush(index=name, wait_if_ongoing=True, force=True)
    client.indices.forcemerge(index=name, max_num_segments=1, request_timeout=1800)
    client.indices.refresh(index=name)
    [[shard]] = client.indices.segments(index=name)["indices"][name]["shards"].values()
    size = sum(one["size_in_bytes"] for one in shard["segments"].values())
    return {"documents/s": count / seconds, "MB": size / 1e6}


def ask(client: OpenSearch, way: Way, index: str, asked: Asked, size: int) -> list[dict[str, Any]]:
    body = way.body(asked) | {"size": size, "_source": False, "track_total_hits": False}
    return client.search(index=index, body=body)["hits"]["hits"]


def latencies(url: str, way: Way, index: str, queries: list[Asked]) -> dict[str, float]:
    """Milliseconds of a query by one client, and queries a second by one and by several."""
    client, queries = connect(url), queries[:TIMED]

    def timed(asked: Asked) -> float:
        started = time.perf_counter()
        ask(client, way, index, asked, SHOWN)
        return 1000 * (time.perf_counter() - started)

    for asked in queries:
        timed(asked)
    started = time.perf_counter()
    times = [timed(asked) for asked in queries]
    alone = len(queries) / (time.perf_counter() - started)
    started = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(timed, queries))
    together = len(queries) / (time.perf_counter() - started)
    low, middle, high = (float(np.percentile(times, share)) for share in (50, 95, 99))
    return {"p50 ms": low, "p95 ms": middle, "p99 ms": high, "queries/s": alone, f"by {CLIENTS} clients": together}


def quality(
    client: OpenSearch, way: Way, index: str, collection: Collection, queries: list[Asked]
) -> tuple[dict[str, float], dict[str, float]]:
    """The figures of a way, and its nDCG@10 by query."""
    run = {}
    for id_, asked in zip(collection.query_ids, queries, strict=True):
        hits = ask(client, way, index, asked, DEPTH)
        run[id_] = {collection.document_ids[int(hit["_id"])]: hit["_score"] for hit in hits}
    found = retrieval_metrics(collection.qrels, run)
    figures = {"nDCG@10": found["ndcg10"], "Recall@100": found["recall100"]}
    return figures, per_query(collection.qrels, run, "ndcg10")


def against(ndcg10: dict[str, dict[str, float]]) -> dict[str, str]:
    """Each way's nDCG@10 less that of PEER, with the p value of a paired randomisation test, after Holm."""
    others = [name for name in ndcg10 if name != PEER]
    tested = gains({"ndcg10": ndcg10}, others, [PEER], SAMPLE_SEED)["ndcg10"]
    return {name: gain(tested[name][PEER]) for name in others}


def encoded(model: ServedModel, collection: Collection, cache: Path | None) -> csr_matrix:
    """Documents as the stage eval encodes them [N, V], out of `cache` where that is there."""
    if cache is not None and cache.exists():
        with np.load(cache) as held:
            return csr_matrix((held["data"], held["indices"], held["indptr"]), shape=tuple(held["shape"]))
    documents_NV = model.documents(collection.documents, "documents")
    if cache is not None:
        parts = {name: getattr(documents_NV, name) for name in ("data", "indices", "indptr", "shape")}
        np.savez_compressed(cache, **parts)
    return documents_NV


def main(options: argparse.Namespace) -> None:
    """Fill the indices, measure, print the table, write the JSON."""
    client = connect(options.url)
    collection = read_collection(options.beir, options.split)
    model = load_export(options.model, max_query_length=64, max_document_length=options.length)
    documents_NV = encoded(model, collection, options.vectors)
    vectors_QV = model.inference_free(collection.queries)
    queries = [Asked(text, vectors_QV[row]) for row, text in enumerate(collection.queries)]
    count = max(options.documents, len(collection.documents))
    has_quality = count == len(collection.documents)
    filled, ranks = {}, ranks_of(model)
    for name, body in bodies(model).items():
        documents = joined(collection.documents, documents_NV, count)
        filled[name] = fill(client, f"benchmark-{name}", body, documents, count, ranks)
    rows: list[dict[str, Any]] = []
    ndcg10: dict[str, dict[str, float]] = {}
    for way in ways(model.hybrid_weight["inference_free"], ranks):
        index = f"benchmark-{way.index}"
        row: dict[str, Any] = {"way": way.name}
        if has_quality:
            figures, ndcg10[way.name] = quality(client, way, index, collection, queries)
            row |= figures
        rows.append(row | latencies(options.url, way, index, queries) | filled[way.index])
        print(rows[-1], file=sys.stderr, flush=True)
    for name in filled:
        client.indices.delete(index=f"benchmark-{name}")
    about = {
        "documents": count,
        "queries": len(queries),
        "pieces a document": round(documents_NV.nnz / documents_NV.shape[0], 1),
        "hybrid weight": model.hybrid_weight["inference_free"],
        "OpenSearch": client.info()["version"]["number"],
        "cores": os.cpu_count(),
        "load": round(statistics.fmean(os.getloadavg()), 2),
    }
    print("\n" + ", ".join(f"{key} {value}" for key, value in about.items()) + "\n")
    print(format_table(rows, list(rows[0])))
    for name, difference in against(ndcg10).items() if has_quality else ():
        print(f"\n{name} - {PEER}: {difference}")
    if options.json:
        write_json(options.json, about | {"ways": rows})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", default=os.environ.get("OPENSEARCH_URL", "http://localhost:9200"))
    parser.add_argument("--model", type=Path, default=Path("huggingface/v25/best"), help="an exported folder")
    parser.add_argument("--beir", type=Path, default=Path("data/prepared"), help="a BEIR folder")
    parser.add_argument("--split", default="test", help="file of qrels/ (default: test)")
    parser.add_argument("--length", type=int, default=128, help="pieces of a document (default: 128)")
    parser.add_argument("--documents", type=int, default=0, help="at least as many, by joining (default: no more)")
    parser.add_argument("--vectors", type=Path, help="a .npz that keeps the encoded documents from run to run")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    try:
        with server_errors(arguments.url, "benchmark"):
            main(arguments)
    except UserError as error:
        sys.exit(f"Error: {error}")
