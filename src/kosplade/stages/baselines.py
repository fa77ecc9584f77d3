"""Stage `baselines`: BM25 over pieces and morphemes, and the dense teacher, once for all experiments."""

from itertools import compress

import numpy as np

from kosplade.console import run_stage
from kosplade.files import replacing, write_json
from kosplade.params import Params
from kosplade.paths import BACKBONE, BASELINES, PREPARED, TEACHER
from kosplade.pretrained.dense import DenseEncoder
from kosplade.pretrained.local import check_watched
from kosplade.retrieval.basis import baseline_basis
from kosplade.retrieval.beir import read_splits
from kosplade.retrieval.reference import Baselines
from kosplade.retrieval.search import to_run
from kosplade.retrieval.trec import write_run
from kosplade.teacher.scores import load_teacher, text_numbers
from kosplade.vocab.pieces import plain_pieces
from kosplade.vocab.tokenizer import load_tokenizer


def dense_vectors(documents: list[str], dense: DenseEncoder) -> np.ndarray:
    """Vectors of documents [N, D]: those that the stage `teacher` has encoded are taken over, the others encoded."""
    known = load_teacher(TEACHER).documents
    numbers = text_numbers(documents)
    rows = np.minimum(np.searchsorted(known.ids_N, numbers), len(known.ids_N) - 1)
    is_new = known.ids_N[rows] != numbers
    vectors_ND = known.vectors(rows)
    if is_new.any():
        vectors_ND[is_new] = dense.documents(list(compress(documents, is_new)), "baselines: dense, documents")
    return vectors_ND


def body(params: Params) -> str:
    check_watched("teacher.name", params.teacher.name)
    tokenizer = load_tokenizer(BACKBONE)
    collections = read_splits(PREPARED)
    documents = next(iter(collections.values())).documents
    dense = DenseEncoder(params.teacher)
    baselines = Baselines(
        documents,
        plain_pieces(tokenizer, documents, params.model.max_document_length),
        dense_vectors(documents, dense),
        dense.queries,
        k1=params.eval.bm25_k1,
        b=params.eval.bm25_b,
    )
    with replacing(BASELINES) as target:
        target.mkdir()
        costs = {}
        for split, collection in collections.items():
            pieces = plain_pieces(tokenizer, collection.queries, params.model.max_query_length)
            found = baselines.search(collection.queries, pieces, params.eval.depth, f"{split} queries")
            for name, (ids_QK, scores_QK, cost) in found.items():
                run = to_run(collection.query_ids, collection.document_ids, ids_QK, scores_QK)
                write_run(target / f"{split}.{name}.trec", run, name)
                costs.setdefault(split, {})[name] = cost
        write_json(target / "cost.json", costs)
        write_json(target / "basis.json", baseline_basis(params, BACKBONE / "tokenizer.json"))
    return f"{BASELINES}: {', '.join(found)} over {len(documents)} documents"


def main() -> None:
    run_stage("baselines", body)


if __name__ == "__main__":
    main()
