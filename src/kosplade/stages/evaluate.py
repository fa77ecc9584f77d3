"""Stage `eval`: retrieval beside the baselines, what serving costs, and what the vectors look like."""

from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix

from kosplade.analysis.explain import Searched, winners_and_losers
from kosplade.analysis.histograms import heaviest_pieces, nnz_histogram, piece_kinds, weight_histogram
from kosplade.analysis.sparsity import sparsity_metrics
from kosplade.analysis.views import token_view
from kosplade.console import run_stage, say
from kosplade.files import read_json, replacing, write_json, write_tsv
from kosplade.model.occurrences import served_counting
from kosplade.model.weights import load_trained
from kosplade.params import Params
from kosplade.paths import BACKBONE, METRICS, PREPARED, eval_folder, train_folder
from kosplade.paths import BASELINES as BASELINE_RUNS
from kosplade.records.kiwi import functional_share
from kosplade.retrieval.basis import collection_basis
from kosplade.retrieval.beir import Collection, read_splits
from kosplade.retrieval.encoding import used_pieces
from kosplade.retrieval.evaluation import SAMPLE_SEED, Evaluated, evaluate_runs
from kosplade.retrieval.hybrid import HYBRIDS, LEXICAL, best_weight, hybrid_run
from kosplade.retrieval.metrics import retrieval_metrics
from kosplade.retrieval.pruning import pruning_curve
from kosplade.retrieval.reference import sparse_found
from kosplade.retrieval.results import BASELINES, SYSTEMS
from kosplade.retrieval.search import search, to_run
from kosplade.retrieval.served import WAYS, ServedModel
from kosplade.retrieval.significance import gains
from kosplade.retrieval.trec import read_run, write_run
from kosplade.vocab.pieces import ascii_mask
from kosplade.vocab.tables import Tables, open_tables, served_weights
from kosplade.vocab.tokenizer import load_tokenizer

COMPARED = "bm25_kiwi"  # what winners and losers are listed against
SHOWN = 5  # queries, and as many of their documents, whose pieces are shown


def trained_model(params: Params) -> tuple[ServedModel, Tables]:
    """The outs of the stage `train` as an index serves them."""
    tokenizer = load_tokenizer(BACKBONE)
    tables = open_tables(tokenizer)
    query_weight_V, unserved_V = served_weights(params.loss, tables.idf_V, tables.stopword_V, tables.special_V)
    model = ServedModel(
        encoder=load_trained(BACKBONE, train_folder(params.version) / "model.safetensors").to_fastest(),
        tokenizer=tokenizer,
        query_weight_V=query_weight_V.numpy(),
        unserved_V=unserved_V.numpy(),
        expandable_V=tables.expandable_V.numpy(),
        max_query_length=params.model.max_query_length,
        max_document_length=params.model.max_document_length,
        counting=served_counting(params, tables),
    )
    return model, tables


def body(params: Params) -> str:
    model, tables = trained_model(params)
    collections = read_splits(PREPARED)
    documents = collections["val"].documents
    counts = ", ".join(f"{len(collection.queries)} {split} queries" for split, collection in collections.items())
    say("eval", f"{counts}, {len(documents)} documents")
    documents_NV = model.documents(documents, "eval: documents")
    queries = {
        split: model.queries(c.queries, f"eval: {split} queries", used_pieces(documents_NV))
        for split, c in collections.items()
    }

    figures, kinds = {"documents": len(documents)}, {}
    with replacing(eval_folder(params.version)) as target:
        (target / "runs").mkdir(parents=True)
        for split, collection in collections.items():
            found = {way: sparse_found(queries[split][way], documents_NV, params.eval.depth) for way in WAYS}
            runs = {
                way: to_run(collection.query_ids, collection.document_ids, one.ids_QK, one.scores_QK)
                for way, one in found.items()
            }
            baselines = {name: read_run(BASELINE_RUNS / f"{split}.{name}.trec") for name in BASELINES}
            if split == "val":
                weights = {way: best_weight(collection.qrels, runs[way], baselines[LEXICAL]) for way in WAYS}
            for name, way in HYBRIDS.items():
                runs[name] = hybrid_run(runs[way], baselines[LEXICAL], weights[way], params.eval.depth)
            for name, run in runs.items():
                write_run(target / f"runs/{split}.{name}.trec", run, name)
            runs |= baselines
            evaluated = evaluate_runs(collection, runs, WAYS, BASELINES)
            figures[split] = evaluated.figures | {"hybrid_gain": hybrid_gains(evaluated)}
            kinds[split] = evaluated.kinds
        # The last split is the one that is reported: test, or validation where a user's data has no other.
        costs = read_json(BASELINE_RUNS / "cost.json", "Run: dvc repro baselines")[split]
        searched = Searched(collection, queries[split]["inference_free"], documents_NV, model.tokenizer)
        write_json(target / "queries.json", per_query_figures(split, collection, evaluated))
        write_json(target / "gains.json", evaluated.gains)
        write_json(
            target / "examples.json",
            winners_and_losers(searched, runs, evaluated.ndcg10, system="inference_free", baseline=COMPARED),
        )
        sparsity = describe_vectors(target, model, tables, collection, params.eval.sparsity_documents)
    write_tsv(METRICS / "pruning.tsv", pruned_quality(collection, queries[split], documents_NV))
    basis = collection_basis(collections) | {"depth": params.eval.depth, "sample": params.eval.sparsity_documents}
    basis |= read_json(BASELINE_RUNS / "basis.json", "Run: dvc repro baselines")
    write_json(METRICS / "eval.json", figures | {"hybrid_weight": weights, "basis": basis})
    write_json(METRICS / "eval_by_kind.json", kinds)
    write_json(METRICS / "sparsity.json", sparsity)
    costs |= {way: one.cost for way, one in found.items()}
    for name, way in HYBRIDS.items():
        costs[name] = {key: costs[way][key] + costs[LEXICAL][key] for key in costs[LEXICAL]}
    write_json(METRICS / "cost.json", costs)
    closing = ", ".join(f"{name} {figures[split][name]['ndcg10']:.3f}" for name in SYSTEMS)
    return f"{split} nDCG@10: {closing}"


def hybrid_gains(evaluated: Evaluated) -> dict[str, dict[str, dict[str, float]]]:
    """nDCG@10 of each hybrid less that of each of its two parts; p values corrected over the two."""
    values = {"ndcg10": evaluated.ndcg10}
    return {name: gains(values, [name], [way, LEXICAL], SAMPLE_SEED)["ndcg10"][name] for name, way in HYBRIDS.items()}


def per_query_figures(split: str, collection: Collection, evaluated: Evaluated) -> dict:
    """nDCG@10 of every system and query, parallel to the ids: what a paired test of two experiments reads."""
    values = {name: [round(of[id_], 6) for id_ in collection.query_ids] for name, of in evaluated.ndcg10.items()}
    return {"split": split, "ids": collection.query_ids, "ndcg10": values}


def pruned_quality(collection: Collection, queries: dict[str, csr_matrix], documents_NV: csr_matrix) -> list[dict]:
    """nDCG@10 of both ways of querying at each degree of pruning."""

    def ndcg10(pruned_NV: csr_matrix) -> dict[str, float]:
        runs = {
            way: to_run(collection.query_ids, collection.document_ids, *search(vectors, pruned_NV, 10))
            for way, vectors in queries.items()
        }
        return {way: retrieval_metrics(collection.qrels, run)["ndcg10"] for way, run in runs.items()}

    return pruning_curve(documents_NV, ndcg10)


def describe_vectors(
    target: Path, model: ServedModel, tables: Tables, collection: Collection, sample_size: int
) -> dict[str, float]:
    """Write pieces.json and texts.json, from raw vectors over the whole vocabulary; return the sparsity figures."""
    rng = np.random.default_rng(SAMPLE_SEED)
    rows = np.sort(rng.permutation(len(collection.documents))[:sample_size])
    sample = [collection.documents[row] for row in rows]
    raw_NV = model.raw(sample, "document", "eval: documents, whole vocabulary")
    stopword_V, hangul_V = tables.stopword_V.numpy(), tables.hangul_V.numpy()
    ascii_V = ascii_mask(model.tokenizer)
    kinds_V = piece_kinds(stopword_V, hangul_V, ascii_V)
    write_json(
        target / "pieces.json",
        {
            "weights": weight_histogram(raw_NV, kinds_V),
            "nnz": nnz_histogram(raw_NV),
            "heaviest": heaviest_pieces(raw_NV, kinds_V, model.tokenizer),
        },
    )
    shown = sorted(rng.permutation(len(collection.queries))[:SHOWN].tolist())
    judged = [collection.qrels[collection.query_ids[row]] for row in shown]
    best = [collection.document_ids.index(max(sorted(scores), key=scores.__getitem__)) for scores in judged]
    texts = [collection.queries[row] for row in shown] + [collection.documents[row] for row in best]
    vectors_NV = model.raw(texts, "document", "eval: texts to show")
    views = [
        token_view(text, vectors_NV[row], model.tokenizer, kinds_V, model.max_document_length)
        for row, text in enumerate(texts)
    ]
    write_json(target / "texts.json", views)
    return sparsity_metrics(
        raw_NV,
        model.pieces(sample, "document"),
        stopword_V=stopword_V,
        special_ids=tables.special_V.nonzero().squeeze(1).tolist(),
        hangul_V=hangul_V,
        ascii_V=ascii_V,
        functional_V=functional_share(collection.documents, model.tokenizer, "eval: tags") > 0.5,
    )


def main() -> None:
    run_stage("eval", body)


if __name__ == "__main__":
    main()
