"""Stage `eval`: retrieval beside BM25 over the same pieces, and sparsity of the raw document vectors."""

from pathlib import Path

import numpy as np
import torch

from kosplade.files import write_json
from kosplade.params import Params
from kosplade.retrieval.beir import read_collection
from kosplade.retrieval.bm25 import bm25_search
from kosplade.retrieval.encoding import inference_free, used_pieces, without
from kosplade.retrieval.metrics import retrieval_metrics
from kosplade.retrieval.search import search, to_run
from kosplade.retrieval.sparsity import retrieval_flops, sparsity_metrics
from kosplade.stages import run_stage, say
from kosplade.stages.inputs import BACKBONE, DATA, open_tables, train_folder
from kosplade.training.objective import served_weights
from kosplade.training.trainer import load_trained
from kosplade.vocab.pieces import ascii_mask
from kosplade.vocab.tokenizer import load_tokenizer

RETRIEVAL = Path("metrics/eval.json")
SPARSITY = Path("metrics/sparsity.json")
SPLIT = "val"


def body(params: Params) -> str:
    tokenizer = load_tokenizer(BACKBONE)
    tables = open_tables(tokenizer)
    collection = read_collection(DATA, SPLIT)
    encoder = load_trained(BACKBONE, train_folder(params.version) / "model.safetensors")
    say("eval", f"{len(collection.queries)} queries, {len(collection.documents)} documents")
    length = {"query": params.model.max_query_length, "document": params.model.max_document_length}

    def encode(texts: list[str], side: str, label: str, pieces_P: torch.Tensor | None = None):
        return encoder.encode(
            texts,
            tokenizer,
            max_length=length[side],
            batch_size=params.eval.batch_size,
            pieces_P=pieces_P,
            label=f"eval: {label}",
        )

    def tokens(texts: list[str], side: str) -> list[list[int]]:
        return tokenizer(texts, truncation=True, max_length=length[side])["input_ids"]

    query_weight_V, hidden_V = served_weights(params.loss, tables.idf_V, tables.stopword_V, tables.special_V)
    hidden_V = hidden_V.numpy()
    query_ids = tokens(collection.queries, "query")
    queries = {
        "inference_free": inference_free(query_ids, query_weight_V.numpy()),
        "siamese": without(encode(collection.queries, "query", "queries"), hidden_V),
    }
    needed_P = torch.from_numpy(used_pieces(*queries.values()))
    documents_NV = without(encode(collection.documents, "document", "documents", needed_P), hidden_V)

    def score(ids: np.ndarray, scores: np.ndarray) -> dict[str, float]:
        run = to_run(collection.query_ids, collection.document_ids, ids, scores)
        return retrieval_metrics(collection.qrels, run)

    figures = {name: score(*search(vectors, documents_NV, params.eval.depth)) for name, vectors in queries.items()}
    special = set(tables.special_V.nonzero().squeeze(1).tolist())
    figures["bm25"] = score(
        *bm25_search(
            [[i for i in ids if i not in special] for ids in query_ids],
            [[i for i in ids if i not in special] for ids in tokens(collection.documents, "document")],
            k1=params.eval.bm25_k1,
            b=params.eval.bm25_b,
            depth=params.eval.depth,
        )
    )
    figures["queries"], figures["documents"] = len(collection.queries), len(collection.documents)

    rng = np.random.default_rng(params.seed)
    count = min(params.eval.sparsity_documents, len(collection.documents))
    sample = [collection.documents[i] for i in np.sort(rng.permutation(len(collection.documents))[:count])]
    raw_NV = encode(sample, "document", "documents, whole vocabulary")
    sparsity = sparsity_metrics(
        raw_NV,
        tokens(sample, "document"),
        stopword_V=tables.stopword_V.numpy(),
        special_ids=sorted(special),
        hangul_V=tables.hangul_V.numpy(),
        ascii_V=ascii_mask(tokenizer),
    )
    served_NV = without(raw_NV, hidden_V)
    for name, vectors in queries.items():
        sparsity[f"query_nnz_{name}"] = round(vectors.nnz / vectors.shape[0], 6)
        sparsity[f"flops_{name}"] = round(retrieval_flops(vectors, served_NV), 6)
    write_json(RETRIEVAL, figures)
    write_json(SPARSITY, sparsity)
    return f"nDCG@10 inference-free {figures['inference_free']['ndcg10']:.3f}, BM25 {figures['bm25']['ndcg10']:.3f}"


def main() -> None:
    run_stage("eval", body)


if __name__ == "__main__":
    main()
