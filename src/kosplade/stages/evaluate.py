"""Stage `eval`: retrieval beside BM25 over pieces and over morphemes, by kind of query, and sparsity of raw vectors."""

from pathlib import Path

import numpy as np
import torch
from scipy.sparse import csr_matrix

from kosplade.files import write_json
from kosplade.model import SparseEncoder
from kosplade.params import Params
from kosplade.retrieval.beir import read_collection
from kosplade.retrieval.bm25 import bm25_search
from kosplade.retrieval.encoding import inference_free, used_pieces, without
from kosplade.retrieval.kinds import ndcg_by_kind
from kosplade.retrieval.metrics import per_query, retrieval_metrics
from kosplade.retrieval.morphemes import Morphemes
from kosplade.retrieval.search import search, to_run
from kosplade.retrieval.significance import gains
from kosplade.retrieval.sparsity import retrieval_flops, sparsity_metrics
from kosplade.stages import run_stage, say
from kosplade.stages.inputs import BACKBONE, DATA, open_tables, train_folder
from kosplade.training.objective import served_weights
from kosplade.training.run import Tables
from kosplade.training.weights import load_trained
from kosplade.vocab.pieces import ascii_mask
from kosplade.vocab.tokenizer import load_tokenizer

RETRIEVAL = Path("metrics/eval.json")
KINDS = Path("metrics/eval_by_kind.json")
SPARSITY = Path("metrics/sparsity.json")
SPLITS = ("val", "test")
WAYS = ("inference_free", "siamese")  # of making a query's vector
BASELINES = ("bm25", "bm25_kiwi")
SAMPLE_SEED = 0  # of the documents for sparsity, the intervals and the tests: the same for every seed of training


class Evaluation:
    """Model, tokenizer, Kiwi and tables, with the lengths and batch size of params.yaml."""

    def __init__(self, params: Params):
        self.params = params
        self.tokenizer = load_tokenizer(BACKBONE)
        self.morphemes = Morphemes()
        self.tables: Tables = open_tables(self.tokenizer)
        self.encoder: SparseEncoder = load_trained(BACKBONE, train_folder(params.version) / "model.safetensors")
        self.query_weight_V, hidden_V = served_weights(
            params.loss, self.tables.idf_V, self.tables.stopword_V, self.tables.special_V
        )
        self.hidden_V = hidden_V.numpy()
        self.special = set(self.tables.special_V.nonzero().squeeze(1).tolist())
        self.length = {"query": params.model.max_query_length, "document": params.model.max_document_length}

    def pieces(self, texts: list[str], side: str) -> list[list[int]]:
        """Piece ids of texts, cut as the model cuts them, special pieces included."""
        return self.tokenizer(texts, truncation=True, max_length=self.length[side])["input_ids"]

    def raw(self, texts: list[str], side: str, label: str, pieces_P: np.ndarray | None = None) -> csr_matrix:
        """Raw vectors of texts."""
        return self.encoder.encode(
            texts,
            self.tokenizer,
            max_length=self.length[side],
            batch_size=self.params.eval.batch_size,
            pieces_P=None if pieces_P is None else torch.from_numpy(pieces_P),
            label=f"eval: {label}",
        )

    def queries(self, texts: list[str], label: str) -> dict[str, csr_matrix]:
        """Vectors of queries, both ways."""
        return {
            "inference_free": inference_free(self.pieces(texts, "query"), self.query_weight_V.numpy()),
            "siamese": without(self.raw(texts, "query", label), self.hidden_V),
        }

    def tokens(self, texts: list[str], side: str, label: str) -> dict[str, list]:
        """What the baselines read: pieces as the model reads them, special ones left out; morphemes of whole texts."""
        pieces = [[piece for piece in ids if piece not in self.special] for ids in self.pieces(texts, side)]
        return {"bm25": pieces, "bm25_kiwi": self.morphemes(texts, f"eval: morphemes of {label}")}

    def bm25(self, queries: list[list], documents: list[list]) -> tuple[np.ndarray, np.ndarray]:
        """A baseline over lists of tokens."""
        settings = self.params.eval
        return bm25_search(queries, documents, k1=settings.bm25_k1, b=settings.bm25_b, depth=settings.depth)


def body(params: Params) -> str:
    evaluation = Evaluation(params)
    collections = {split: read_collection(DATA, split) for split in SPLITS if (DATA / f"qrels/{split}.tsv").exists()}
    documents = collections["val"].documents
    counts = ", ".join(f"{len(collection.queries)} {split} queries" for split, collection in collections.items())
    say("eval", f"{counts}, {len(documents)} documents")
    queries = {split: evaluation.queries(c.queries, f"{split} queries") for split, c in collections.items()}
    needed_P = used_pieces(*(vectors for ways in queries.values() for vectors in ways.values()))
    documents_NV = without(evaluation.raw(documents, "document", "documents", needed_P), evaluation.hidden_V)

    indexed = evaluation.tokens(documents, "document", "documents")
    figures: dict = {"documents": len(documents)}
    kinds: dict = {}
    for split, collection in collections.items():
        found = {way: search(vectors, documents_NV, params.eval.depth) for way, vectors in queries[split].items()}
        asked = evaluation.tokens(collection.queries, "query", f"{split} queries")
        found |= {name: evaluation.bm25(asked[name], indexed[name]) for name in BASELINES}
        runs = {name: to_run(collection.query_ids, collection.document_ids, *top) for name, top in found.items()}
        figures[split] = {"queries": len(collection.queries)}
        figures[split] |= {name: retrieval_metrics(collection.qrels, run) for name, run in runs.items()}
        ndcg = {name: per_query(collection.qrels, run, "ndcg10") for name, run in runs.items()}
        figures[split]["ndcg10_gain"] = gains(ndcg, WAYS, BASELINES, SAMPLE_SEED)
        kinds[split] = ndcg_by_kind(ndcg, collection.query_ids, collection.query_kinds, SAMPLE_SEED)

    rng = np.random.default_rng(SAMPLE_SEED)
    count = min(params.eval.sparsity_documents, len(documents))
    sample = [documents[i] for i in np.sort(rng.permutation(len(documents))[:count])]
    raw_NV = evaluation.raw(sample, "document", "documents, whole vocabulary")
    tables = evaluation.tables
    sparsity = sparsity_metrics(
        raw_NV,
        evaluation.pieces(sample, "document"),
        stopword_V=tables.stopword_V.numpy(),
        special_ids=sorted(evaluation.special),
        hangul_V=tables.hangul_V.numpy(),
        ascii_V=ascii_mask(evaluation.tokenizer),
    )
    last = list(collections)[-1]
    for way, vectors in queries[last].items():
        sparsity[f"query_nnz_{way}"] = round(vectors.nnz / vectors.shape[0], 6)
        sparsity[f"flops_{way}"] = round(retrieval_flops(vectors, without(raw_NV, evaluation.hidden_V)), 6)
    write_json(RETRIEVAL, figures)
    write_json(KINDS, kinds)
    write_json(SPARSITY, sparsity)
    closing = ", ".join(f"{name} {figures[last][name]['ndcg10']:.3f}" for name in (*WAYS, *BASELINES))
    return f"{last} nDCG@10: {closing}"


def main() -> None:
    run_stage("eval", body)


if __name__ == "__main__":
    main()
