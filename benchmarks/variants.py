"""An export beside its variants: size, speed, vectors, retrieval. `PYTHONPATH=src python benchmarks/variants.py`.

Variants are written to a temporary folder. Documents are those of a BEIR folder's test split, judged ones first;
queries are those with a judgement among them, so figures with few documents are higher than those of the whole split.
Documents a second: median of 3 over the same texts in batches of 32, tokenising included, one variant after the other.
Difference, cosine and weight lost compare document vectors in the whole vocabulary with those of the export.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import nn

from kosplade.errors import UserError
from kosplade.files import write_json
from kosplade.model import SparseEncoder
from kosplade.records.inputs import find_sources
from kosplade.retrieval.beir import Collection, read_collection
from kosplade.retrieval.metrics import retrieval_metrics
from kosplade.retrieval.results import format_table
from kosplade.retrieval.search import search, to_run
from kosplade.retrieval.served import WAYS
from kosplade.tools.variants.loading import Variant, load_variant
from kosplade.tools.variants.writing import write_variant

REPEATS = 3
MARGIN = 1e-2  # of a logit's bound below 0: float32 rounds a sum of some 1,000 products by far less
PRUNED, PRUNED_TEXTS = "pruned", "pruned, texts"
MADE = {
    # variant: (made of, kind, with --texts)
    PRUNED: (None, "pruned", False),
    PRUNED_TEXTS: (None, "pruned", True),
    "onnx": (None, "onnx", False),
    "int8": (None, "int8", False),
    "onnx of pruned, texts": (PRUNED_TEXTS, "onnx", False),
    "int8 of pruned, texts": (PRUNED_TEXTS, "int8", False),
}


def silent_pieces(encoder: SparseEncoder) -> int:
    """How many pieces weigh 0 whatever the text, as far as the last layer norm can prove it; BERT and XLM-R alike.

    The decoder reads gamma * z + beta, z of mean 0 and norm at most sqrt(D). So by Cauchy-Schwarz no logit is above
    bias + w.beta + sqrt(D) * |gamma * w - mean(gamma * w)|, and a piece whose logit is never above 0 has weight 0.
    """
    norm = [module for module in encoder.mlm.modules() if isinstance(module, nn.LayerNorm)][-1]
    weight_VD = encoder.decoder.weight.detach().double()
    scaled_VD = weight_VD * norm.weight.detach().double()
    reach_V = weight_VD.shape[1] ** 0.5 * (scaled_VD - scaled_VD.mean(1, keepdim=True)).norm(dim=1)
    bound_V = encoder.decoder.bias.detach().double() + weight_VD @ norm.bias.detach().double() + reach_V
    return int((bound_V < -MARGIN).sum())


def smaller(collection: Collection, count: int) -> Collection:
    """`count` documents, judged ones first, and the queries with a relevant one among them."""
    judged = {id_ for scores in collection.qrels.values() for id_, score in scores.items() if score > 0}
    order = sorted(range(len(collection.documents)), key=lambda row: collection.document_ids[row] not in judged)[:count]
    ids = [collection.document_ids[row] for row in order]
    known = set(ids)
    qrels = {
        query: {id_: score for id_, score in scores.items() if id_ in known}
        for query, scores in collection.qrels.items()
        if any(score > 0 and id_ in known for id_, score in scores.items())
    }
    rows = [row for row, id_ in enumerate(collection.query_ids) if id_ in qrels]
    return Collection(
        ids,
        [collection.documents[row] for row in order],
        [collection.query_ids[row] for row in rows],
        [collection.queries[row] for row in rows],
        [collection.query_kinds[row] for row in rows],
        qrels,
    )


def speed(variant: Variant, texts: list[str]) -> dict[str, float]:
    """Documents a second, the medians: by the clock, and by the processor's time, which other programs hardly touch."""
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter(), time.process_time()
        variant.documents(texts, "timed")
        times.append((time.perf_counter() - started[0], time.process_time() - started[1]))
    seconds, cpu_seconds = (statistics.median(column) for column in zip(*times, strict=True))
    return {"documents/s": len(texts) / seconds, "documents/CPU s": len(texts) / cpu_seconds}


def compared(vectors_NV: csr_matrix, expected_NV: csr_matrix) -> dict[str, float]:
    """Largest difference of two documents' weights, smallest cosine of a document, share of the weight that is gone."""
    norms = [np.sqrt(np.asarray(x.multiply(x).sum(axis=1))) for x in (vectors_NV, expected_NV)]
    products = np.asarray(vectors_NV.multiply(expected_NV).sum(axis=1))
    return {
        "largest difference": float(abs(vectors_NV - expected_NV).max()),
        "smallest cosine": float((products / np.maximum(norms[0] * norms[1], 1e-9)).min()),
        "weight lost": float((expected_NV - expected_NV.minimum(vectors_NV)).sum() / expected_NV.sum()),
    }


def measure(name: str, folder: Path, collection: Collection, timed: int) -> tuple[dict[str, object], csr_matrix]:
    """The row of one variant so far, and its document vectors."""
    variant = load_variant(folder)
    documents_NV = variant.documents(collection.documents, f"{name}: documents")
    row: dict[str, object] = {
        "variant": name,
        "pieces": len(variant.pieces_v),
        "MB": round(sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6),
    } | speed(variant, collection.documents[:timed])
    for way, vectors_QV in variant.queries(collection.queries, f"{name}: queries").items():
        found = search(vectors_QV, documents_NV, 10)
        run = to_run(collection.query_ids, collection.document_ids, *found)
        row[f"nDCG@10, {way}"] = retrieval_metrics(collection.qrels, run)["ndcg10"]
    return row, documents_NV


def main(options: argparse.Namespace) -> None:
    """Write the variants, measure, print the table, write the JSON."""
    whole = read_collection(options.beir, "test")
    collection = smaller(whole, options.documents)
    with tempfile.TemporaryDirectory() as place:
        folders = {"export": options.model}
        for name, (source, kind, with_texts) in MADE.items():
            folders[name] = Path(place) / name.replace(", ", "-").replace(" ", "-")
            texts = find_sources([str(options.beir / "corpus.jsonl")]) if with_texts else ()
            print(write_variant(folders[source or "export"], folders[name], kind, texts))
        rows, expected_NV = [], None
        for name, folder in folders.items():
            row, documents_NV = measure(name, folder, collection, options.timed)
            expected_NV = documents_NV if expected_NV is None else expected_NV
            rows.append(row | compared(documents_NV, expected_NV))
            print(row, file=sys.stderr, flush=True)
    encoder = load_variant(options.model).model.encoder
    about = {
        "documents": len(collection.documents),
        "queries": len(collection.queries),
        "timed": options.timed,
        "provably_silent": silent_pieces(encoder),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "load": round(os.getloadavg()[0], 2),
    }
    print("\n" + ", ".join(f"{key} {value}" for key, value in about.items()) + "\n")
    columns = ["variant", "pieces", "MB", "documents/s", "documents/CPU s"]
    columns += ["largest difference", "smallest cosine", "weight lost"]
    print(format_table(rows, [*columns, *(f"nDCG@10, {way}" for way in WAYS)]))
    if options.json:
        write_json(options.json, about | {"variants": rows})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, default=Path("huggingface/v25/best"), help="an exported folder")
    parser.add_argument("--beir", type=Path, default=Path("data/prepared"), help="a BEIR folder with a test split")
    parser.add_argument("--documents", type=int, default=1000, help="documents searched, judged ones first")
    parser.add_argument("--timed", type=int, default=64, help="documents encoded three times for the speed")
    parser.add_argument("--json", type=Path)
    try:
        main(parser.parse_args())
    except UserError as error:
        sys.exit(f"Error: {error}")
