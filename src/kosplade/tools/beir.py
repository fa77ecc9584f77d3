"""Exported models on any BEIR folder, beside the baselines: one table, TREC runs, a JSON file with all figures."""

import argparse
import sys
import time
from pathlib import Path

from kosplade.errors import UserError
from kosplade.files import write_json
from kosplade.params import Params, load_params
from kosplade.pretrained.dense import DenseEncoder
from kosplade.retrieval.baselines import BASELINES, Baselines, Found, sparse_found
from kosplade.retrieval.beir import Collection, read_collection
from kosplade.retrieval.cost import exact_speed
from kosplade.retrieval.encoding import inference_free
from kosplade.retrieval.evaluation import evaluate_runs
from kosplade.retrieval.search import to_run
from kosplade.retrieval.served import ServedModel, load_export
from kosplade.retrieval.table import format_table
from kosplade.retrieval.trec import write_run
from kosplade.tools.approximate import ApproximateIndex, approximate_cost
from kosplade.tools.recounting import recounted_weights

COLUMNS = {"ndcg10": "nDCG@10", "mrr10": "MRR@10", "recall10": "Recall@10", "recall100": "Recall@100"}
COSTS = {"query_nnz": "query nnz", "document_nnz": "document nnz", "flops": "FLOPS", "index_bytes": "index MB"}
SPEED_DEPTH = 10  # documents that a query asks for where speeds are taken
SPEEDS = {
    "documents_a_second": "documents/s",
    "queries_a_second": "queries/s, exact",
    "approximate_queries_a_second": "queries/s, Seismic",
    "recall10": "its recall@10",
}


def evaluate_collection(options: argparse.Namespace) -> None:
    """Evaluate and print, as the options of kosplade.stages.evaluate say; a UserError is one line and exit code 1."""
    try:
        collection = read_collection(options.beir, options.split, with_titles=not options.no_titles)
        params = load_params()
        found, speeds = _search(options, collection, params)
        print(_write(options, collection, params, found, speeds))
    except UserError as error:
        sys.exit(f"Error: {error}")


def _search(
    options: argparse.Namespace, collection: Collection, params: Params
) -> tuple[dict[str, Found], dict[str, dict[str, float]]]:
    """What every system found, and the speeds of the models', by name; the first model's pieces are those of BM25."""
    found: dict[str, Found] = {}
    speeds: dict[str, dict[str, float]] = {}
    pieces: dict[str, list[list[int]]] = {}
    for name, folder in _names(options.model).items():
        model = load_export(
            folder,
            max_query_length=options.max_query_length,
            max_document_length=options.max_document_length,
            batch_size=params.eval.batch_size,
        )
        model.encoder.to_fastest()
        pieces = pieces or {
            "query": model.plain_pieces(collection.queries, "query"),
            "document": model.plain_pieces(collection.documents, "document"),
        }
        for way, one, speed in _of_model(model, collection, name, params.eval.depth, options.recount):
            found[f"{name}.{way}"], speeds[f"{name}.{way}"] = one, speed
    dense = DenseEncoder(params.teacher)
    baselines = Baselines(
        collection.documents,
        pieces["document"],
        dense.documents(collection.documents, "dense: documents"),
        dense,
        k1=params.eval.bm25_k1,
        b=params.eval.bm25_b,
    )
    return found | baselines.search(collection.queries, pieces["query"], params.eval.depth, "queries"), speeds


def _of_model(model: ServedModel, collection: Collection, name: str, depth: int, recount: bool):
    """Yield (way, Found, speeds) of each way of querying one model."""
    queries = model.queries(collection.queries, f"{name}: queries")
    if recount:
        weight_V = recounted_weights(model, collection.documents, f"{name}: IDF of the collection")
        queries["recounted"] = inference_free(model.pieces(collection.queries, "query"), weight_V)
    reachable_P = model.reachable(collection.documents, *queries.values())
    started = time.perf_counter()
    documents_NV = model.documents(collection.documents, f"{name}: documents", reachable_P)
    documents_a_second = len(collection.documents) / (time.perf_counter() - started)
    index = ApproximateIndex(documents_NV)
    for way in queries:
        found = sparse_found(queries[way], documents_NV, depth)
        approximate = approximate_cost(found.ids_QK, queries[way], index)
        speed = {
            "documents_a_second": documents_a_second,
            "queries_a_second": exact_speed(queries[way], documents_NV, SPEED_DEPTH),
            "approximate_queries_a_second": approximate["queries_a_second"],
            "approximate_index_bytes": approximate["index_bytes"],
            "recall10": approximate["recall10"],
        }
        yield way, found, speed


def _names(folders: list[Path]) -> dict[str, Path]:
    """A short name for each folder: its own, or its parent's where it is called `best`."""
    names: dict[str, Path] = {}
    for folder in folders:
        name = folder.parent.name if folder.name == "best" else folder.name
        if name in names:
            raise UserError(f"--model: two folders are called {name}. Rename one, so that their runs differ.")
        names[name] = folder
    return names


def _write(
    options: argparse.Namespace,
    collection: Collection,
    params: Params,
    found: dict[str, Found],
    speeds: dict[str, dict[str, float]],
) -> str:
    """Write runs and figures; return what is printed."""
    output = options.output or Path("outputs/beir") / options.beir.resolve().name
    runs = {
        name: to_run(collection.query_ids, collection.document_ids, one.ids_QK, one.scores_QK)
        for name, one in found.items()
    }
    for name, run in runs.items():
        write_run(output / f"{options.split}.{name}.trec", run, name)
    evaluated = evaluate_runs(collection, runs, list(speeds), BASELINES)
    figures = {"documents": len(collection.documents)} | evaluated.figures | {"gains": evaluated.gains}
    figures |= {"cost": {name: one.cost for name, one in found.items()}, "speed": speeds}
    write_json(output / f"{options.split}.json", figures)

    quality = [{"": name} | {title: figures[name][key] for key, title in COLUMNS.items()} for name in found]
    cost = []
    for name, one in found.items():
        values = one.cost | {"index_bytes": one.cost["index_bytes"] / 1e6} | speeds.get(name, {})
        cost.append({"": name} | {title: values.get(key) for key, title in (COSTS | SPEEDS).items()})
    tested = [
        {"difference (p)": f"{system} - {baseline}"}
        | {title: _tested(evaluated.gains[key][system][baseline]) for key, title in COLUMNS.items()}
        for system in speeds
        for baseline in BASELINES
    ]
    return "\n\n".join(
        [
            f"{options.beir}: {len(collection.queries)} queries, {len(collection.documents)} documents",
            format_table(quality, ["", *COLUMNS.values()]),
            f"BM25: Lucene's, k1 {params.eval.bm25_k1}, b {params.eval.bm25_b}; dense: {params.teacher.name}.",
            format_table(tested, ["difference (p)", *COLUMNS.values()]),
            f"Paired randomisation tests, p after Holm's correction over the {len(tested)} of a measure.",
            format_table(cost, ["", *COSTS.values(), *SPEEDS.values()]),
            f"Runs in TREC format and every figure: {output}",
        ]
    )


def _tested(gain: dict[str, float]) -> str:
    return f"{gain['difference']:+.3f} ({gain['p_holm']:.4f})"
