"""Every model and every baseline on one collection, after all that can be checked was."""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from kosplade.console import say
from kosplade.errors import UserError
from kosplade.files import write_json
from kosplade.params import Params, load_params
from kosplade.pretrained.dense import DenseEncoder
from kosplade.retrieval.beir import Collection, read_collection
from kosplade.retrieval.cost import exact_speed
from kosplade.retrieval.encoding import inference_free
from kosplade.retrieval.evaluation import evaluate_runs
from kosplade.retrieval.reference import BASELINES, Baselines, Found, sparse_found
from kosplade.retrieval.results import COSTS, QUALITY, cost_cells, format_table, gain, quality_cells
from kosplade.retrieval.search import to_run, without_own
from kosplade.retrieval.served import ServedModel, check_length, load_export
from kosplade.retrieval.trec import write_run
from kosplade.tools.options import make_folder
from kosplade.tools.recounting import recounted_weights

SPEED_DEPTH = 10  # documents that a query asks for where speeds are taken
SPEEDS = {"documents_a_second": "documents/s", "queries_a_second": "queries/s"}

Systems = dict[str, tuple[Found, dict[str, float]]]  # what each found, and its speeds: none of a baseline


def evaluate_folder(options: argparse.Namespace) -> None:
    """Evaluate and print, as the options of the command say. Raises UserError before the first text is encoded."""
    params = load_params()
    output = options.output or Path("outputs/beir") / options.beir.resolve().name
    names = _names(options.model)
    collection = read_collection(options.beir, options.split, with_titles=not options.no_titles)
    make_folder(output)
    for folder in names.values():
        _load(folder, options, params)
    dense = DenseEncoder(params.teacher)
    own_Q = own_documents(collection, ignored=options.identical_ids == "ignore")
    systems = _search(options, collection, params, names, dense, own_Q)
    print(_write(options, collection, params, output, systems))


def _load(folder: Path, options: argparse.Namespace, params: Params) -> ServedModel:
    model = load_export(
        folder,
        max_query_length=options.max_query_length,
        max_document_length=options.max_document_length,
        batch_size=params.eval.batch_size,
    )
    check_length(model, options.max_query_length, "--max-query-length")
    check_length(model, options.max_document_length, "--max-document-length")
    return model


def own_documents(collection: Collection, *, ignored: bool) -> np.ndarray:
    """int64 [Q]: the number of the document with the query's id, which is not counted; -1 where there is none.

    All -1 unless `ignored`. A line says where ids coincide, and how many of these documents are judged relevant.
    """
    numbers = {id_: number for number, id_ in enumerate(collection.document_ids)}
    own_Q = np.array([numbers.get(id_, -1) for id_ in collection.query_ids], dtype=np.int64)
    both = [id_ for id_ in collection.query_ids if id_ in numbers]
    if both:
        relevant = sum(collection.qrels[id_].get(id_, 0) > 0 for id_ in both)
        done = "is not counted, as in BEIR (--identical-ids keep counts it)" if ignored else "is counted"
        say("beir", f"{len(both)} queries have the id of a document, which {done}; {relevant} of these are relevant")
    return own_Q if ignored else np.full_like(own_Q, -1)


def _search(
    options: argparse.Namespace,
    collection: Collection,
    params: Params,
    names: dict[str, Path],
    dense: DenseEncoder,
    own_Q: np.ndarray,
) -> Systems:
    """By name; the first model's pieces are those of BM25."""
    depth = params.eval.depth + 1  # one more, as one may go
    systems: Systems = {}
    pieces: dict[str, list[list[int]]] = {}
    for name, folder in names.items():
        model = _load(folder, options, params)
        model.encoder.to_fastest()
        pieces = pieces or {
            "query": model.plain_pieces(collection.queries, "query"),
            "document": model.plain_pieces(collection.documents, "document"),
        }
        for way, found, speed in _of_model(model, collection, name, depth, options.recount):
            systems[f"{name}.{way}"] = found, speed
    baselines = Baselines(
        collection.documents,
        pieces["document"],
        dense.documents(collection.documents, "dense: documents"),
        dense.queries,
        k1=params.eval.bm25_k1,
        b=params.eval.bm25_b,
    )
    of_baselines = baselines.search(collection.queries, pieces["query"], depth, "queries")
    systems |= {name: (found, {}) for name, found in of_baselines.items()}
    return {
        name: (Found(*without_own(found.ids_QK, found.scores_QK, own_Q), found.cost), speed)
        for name, (found, speed) in systems.items()
    }


def _of_model(
    model: ServedModel, collection: Collection, name: str, depth: int, recount: bool
) -> Iterator[tuple[str, Found, dict[str, float]]]:
    """Yield (way, what was found, speeds) of each way of querying one model."""
    queries = model.queries(collection.queries, f"{name}: queries")
    if recount:
        weight_V = recounted_weights(model, collection.documents, f"{name}: IDF of the collection")
        queries["recounted"] = inference_free(model.pieces(collection.queries, "query"), weight_V)
    reachable_P = model.reachable(collection.documents, *queries.values())
    started = time.perf_counter()
    documents_NV = model.documents(collection.documents, f"{name}: documents", reachable_P)
    documents_a_second = len(collection.documents) / (time.perf_counter() - started)
    for way, queries_QV in queries.items():
        found = sparse_found(queries_QV, documents_NV, depth)
        speed = {
            "documents_a_second": documents_a_second,
            "queries_a_second": exact_speed(queries_QV, documents_NV, SPEED_DEPTH),
        }
        yield way, found, speed


def _names(folders: list[Path]) -> dict[str, Path]:
    """A short name for each folder: its own, or its parent's where it is called `best`."""
    names: dict[str, Path] = {}
    for folder in folders:
        name = folder.resolve().parent.name if folder.name == "best" else folder.resolve().name
        if name in names:
            raise UserError(f"--model: two folders are called {name}. Rename one, so that their runs differ.")
        names[name] = folder
    return names


def _write(options: argparse.Namespace, collection: Collection, params: Params, output: Path, systems: Systems) -> str:
    """Write runs and figures; return what is printed."""
    runs = {
        name: to_run(collection.query_ids, collection.document_ids, found.ids_QK, found.scores_QK)
        for name, (found, _) in systems.items()
    }
    for name, run in runs.items():
        write_run(output / f"{options.split}.{name}.trec", run, name)
    speeds = {name: speed for name, (_, speed) in systems.items() if speed}
    evaluated = evaluate_runs(collection, runs, list(speeds), BASELINES)
    figures = {"documents": len(collection.documents)} | evaluated.figures | {"gains": evaluated.gains}
    figures |= {"cost": {name: found.cost for name, (found, _) in systems.items()}, "speed": speeds}
    write_json(output / f"{options.split}.json", figures)

    quality = [{"": name} | quality_cells(figures[name]) for name in systems]
    cost = [
        {"": name} | cost_cells(found.cost) | {title: speed.get(key) for key, title in SPEEDS.items()}
        for name, (found, speed) in systems.items()
    ]
    tested = [
        {"difference": f"{system} - {baseline}"}
        | {title: gain(evaluated.gains[key][system][baseline]) for key, title in QUALITY.items()}
        for system in speeds
        for baseline in BASELINES
    ]
    return "\n\n".join(
        [
            f"{options.beir}: {len(collection.queries)} queries, {len(collection.documents)} documents",
            format_table(quality, ["", *QUALITY.values()]),
            f"BM25: Lucene's, k1 {params.eval.bm25_k1}, b {params.eval.bm25_b}; dense: {params.teacher.name}.",
            format_table(tested, ["difference", *QUALITY.values()]),
            f"Paired randomisation tests, p after Holm's correction over the {len(tested)} of a measure.",
            format_table(cost, ["", *COSTS.values(), *SPEEDS.values()]),
            f"Runs in TREC format and every figure: {output}",
        ]
    )
