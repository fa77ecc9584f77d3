"""Every model and every baseline on one collection, after all that can be checked was."""

import argparse
import itertools
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix

from kosplade.console import say
from kosplade.errors import UserError
from kosplade.files import write_json
from kosplade.params import Params, load_params
from kosplade.pretrained.dense import DenseEncoder
from kosplade.retrieval.beir import Collection, read_collection
from kosplade.retrieval.cost import exact_speed
from kosplade.retrieval.encoding import inference_free, used_pieces
from kosplade.retrieval.evaluation import Evaluated, evaluate_runs
from kosplade.retrieval.hybrid import HYBRIDS, LEXICAL, hybrid_run
from kosplade.retrieval.reference import Baselines, Found, sparse_found
from kosplade.retrieval.results import COSTS, QUALITY, cost_cells, format_table, gain, quality_cells
from kosplade.retrieval.search import to_run, without_own
from kosplade.retrieval.served import ServedModel, check_length
from kosplade.retrieval.trec import Run, write_run
from kosplade.tools.encode.shards import Folder
from kosplade.tools.opensearch.mapping import fingerprint
from kosplade.tools.options import make_folder
from kosplade.tools.recounting import recounted_weights
from kosplade.tools.variants.loading import load_any

SPEED_DEPTH = 10  # documents that a query asks for where speeds are taken
SPEEDS = {"documents_a_second": "documents/s", "queries_a_second": "queries/s"}


def evaluate_folder(options: argparse.Namespace) -> None:
    """Evaluate and print, as the options of the command say. Raises UserError before the first text is encoded."""
    params, names = load_params(), _names(options.model)
    output = options.output or Path("outputs/beir") / options.beir.resolve().name
    collection = read_collection(options.beir, options.split, with_titles=not options.no_titles)
    make_folder(output)
    for folder in names.values():
        _load(folder, options, params)
    if options.vectors:
        _check_vectors(options)
    dense = DenseEncoder(params.teacher) if "dense" in options.baselines else None
    own_Q = own_documents(collection, ignored=options.identical_ids == "ignore")
    depth = params.eval.depth + 1  # one more, as one may go
    systems: dict[str, Found] = {}
    hybrid_weights: dict[str, dict[str, float]] = {}
    speeds: dict[str, dict[str, float]] = {}
    for name, folder in names.items():
        model = _load(folder, options, params)
        model.encoder.to_fastest()
        if not systems:  # the pieces of the first model are those of BM25
            query_pieces = model.plain_pieces(collection.queries, "query")
            document_pieces = model.plain_pieces(collection.documents, "document")
        hybrid_weights[name] = model.hybrid_weight
        vectors_NV = Folder(options.vectors).vectors_of(collection) if options.vectors else None
        queries, documents_NV, documents_a_second = _encode(model, collection, name, vectors_NV)
        for way, queries_QV in queries.items():
            systems[f"{name}.{way}"] = sparse_found(queries_QV, documents_NV, depth)
            queries_a_second = exact_speed(queries_QV, documents_NV, SPEED_DEPTH)
            speeds[f"{name}.{way}"] = dict(zip(SPEEDS, (documents_a_second, queries_a_second), strict=True))
    vectors_ND = dense and dense.documents(collection.documents, "dense: documents")
    bm25 = {"k1": params.eval.bm25_k1, "b": params.eval.bm25_b}
    settings = bm25 | {"names": options.baselines}
    baselines = Baselines(collection.documents, document_pieces, vectors_ND, dense and dense.queries, **settings)
    references = baselines.search(collection.queries, query_pieces, depth, "queries")
    systems |= references
    systems = {
        name: Found(*without_own(found.ids_QK, found.scores_QK, own_Q), found.cost) for name, found in systems.items()
    }
    runs = {
        name: to_run(collection.query_ids, collection.document_ids, found.ids_QK, found.scores_QK)
        for name, found in systems.items()
    }
    if LEXICAL not in references:
        hybrid_weights = {}
    for name, weights in hybrid_weights.items():
        for system, way in HYBRIDS.items():
            parts = runs[f"{name}.{way}"], runs[LEXICAL]
            runs[f"{name}.{system}"] = hybrid_run(*parts, weights[way], params.eval.depth)
    tested = [name for name in runs if name not in references]
    evaluated = evaluate_runs(collection, runs, tested, list(references))
    costs = {name: found.cost for name, found in systems.items()}
    _write(collection, options.split, output, runs, evaluated, {"cost": costs, "speed": speeds})
    about = [f"BM25: Lucene's, k1 {bm25['k1']}, b {bm25['b']}."]
    if dense:
        about.append(f"Dense: {params.teacher.name}.")
    if hybrid_weights:
        shares = ", ".join(
            f"{weights[way]:g} of {name}.{way}" for name, weights in hybrid_weights.items() for way in HYBRIDS.values()
        )
        about.append(f"Hybrids: BM25 over morphemes and {shares}.")
    parts = [
        f"{options.beir}: {len(collection.queries)} queries, {len(collection.documents)} documents",
        format_table([{"": name} | quality_cells(evaluated.figures[name]) for name in runs], ["", *QUALITY.values()]),
        " ".join(about),
        _differences(evaluated, tested, references),
        f"Paired randomisation tests, p after Holm's correction over the {len(tested) * len(references)} of a measure.",
        _costs(costs, speeds),
        f"Runs in TREC format and every figure: {output}",
    ]
    print("\n\n".join(parts))


def _load(folder: Path, options: argparse.Namespace, params: Params) -> ServedModel:
    model = load_any(
        folder,
        max_query_length=options.max_query_length,
        max_document_length=options.max_document_length,
    )
    check_length(model, options.max_query_length, "--max-query-length")
    check_length(model, options.max_document_length, "--max-document-length")
    return model


def _check_vectors(options: argparse.Namespace) -> None:
    """UserError unless the vectors are of the one model that is evaluated, and as long."""
    manifest = Folder(options.vectors).check_complete()
    if [manifest["model"]] != [fingerprint(folder) for folder in options.model]:
        raise UserError(f"--vectors: {options.vectors} was encoded by another model. Name that one alone with --model.")
    if manifest["max_document_length"] != options.max_document_length:
        raise UserError(
            f"--vectors: {options.vectors} holds documents of {manifest['max_document_length']} pieces. Name that "
            "with --max-document-length."
        )


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


def _encode(
    model: ServedModel, collection: Collection, name: str, documents_NV: csr_matrix | None
) -> tuple[dict[str, csr_matrix], csr_matrix, float | None]:
    """Queries [Q, V] by each way of querying the model, documents [N, V], and how many of these a second.

    `documents_NV` are those that were encoded before.

    Beside the ways of the export come inference-free queries by the IDF of the collection, which BM25 counts too.
    """
    speed = None
    if documents_NV is None:
        started = time.perf_counter()
        documents_NV = model.documents(collection.documents, f"{name}: documents")
        speed = len(collection.documents) / (time.perf_counter() - started)
    queries = model.queries(collection.queries, f"{name}: queries", used_pieces(documents_NV))
    weight_V = recounted_weights(model, collection.documents, f"{name}: IDF of the collection")
    queries["recounted"] = inference_free(model.pieces(collection.queries, "query"), weight_V)
    return queries, documents_NV, speed


def _names(folders: list[Path]) -> dict[str, Path]:
    """A short name for each folder: its own, or its parent's where it is called `best`."""
    names: dict[str, Path] = {}
    for folder in folders:
        name = folder.resolve().parent.name if folder.name == "best" else folder.resolve().name
        if name in names:
            raise UserError(f"--model: two folders are called {name}. Rename one, so that their runs differ.")
        names[name] = folder
    return names


def _write(
    collection: Collection, split: str, output: Path, runs: dict[str, Run], evaluated: Evaluated, measured: dict
) -> None:
    """Write runs and figures."""
    for name, run in runs.items():
        write_run(output / f"{split}.{name}.trec", run, name)
    figures = {"documents": len(collection.documents)} | evaluated.figures | {"gains": evaluated.gains} | measured
    write_json(output / f"{split}.json", figures)


def _differences(evaluated: Evaluated, systems: Iterable[str], baselines: Iterable[str]) -> str:
    rows = [
        {"difference": f"{system} - {baseline}"}
        | {title: gain(evaluated.gains[key][system][baseline]) for key, title in QUALITY.items()}
        for system, baseline in itertools.product(systems, baselines)
    ]
    return format_table(rows, ["difference", *QUALITY.values()])


def _costs(costs: dict[str, dict[str, float]], speeds: dict[str, dict[str, float]]) -> str:
    rows = [
        {"": name} | cost_cells(cost) | {title: speeds.get(name, {}).get(key) for key, title in SPEEDS.items()}
        for name, cost in costs.items()
    ]
    return format_table(rows, ["", *COSTS.values(), *SPEEDS.values()])
