"""Stage `teacher`: dense vectors and BM25 over morphemes of every training text, for distillation."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix

from kosplade.console import run_stage
from kosplade.files import replacing
from kosplade.params import Params
from kosplade.paths import TEACHER, TRIPLETS
from kosplade.pretrained.dense import DenseEncoder
from kosplade.pretrained.local import check_watched
from kosplade.records.arrow import open_triplets
from kosplade.records.bm25 import bm25_weights, count_terms
from kosplade.records.kiwi import Morphemes
from kosplade.teacher.lexical import presence, save_rows
from kosplade.teacher.scores import write_side


def body(params: Params) -> str:
    check_watched("teacher.name", params.teacher.name)
    triplets = open_triplets(TRIPLETS)
    dense = DenseEncoder(params.teacher)
    morphemes = Morphemes()
    numbers: dict[str, int] = {}

    def queries() -> Iterator[str]:
        return (record.query for record in triplets)

    def documents() -> Iterator[str]:
        return (text for record in triplets for text in (record.positive, *record.negatives))

    def write(target: Path, side: str, texts: Callable[[], Iterable[str]]) -> csr_matrix:
        def encode(chunk: list[str]) -> np.ndarray:
            return (dense.queries if side == "queries" else dense.documents)(chunk, f"teacher {side}")

        def count(chunk: list[str]) -> csr_matrix:
            return count_terms(morphemes(chunk, f"morphemes {side}"), numbers, grow=side == "documents")

        return write_side(target, side, texts, encode=encode, dimensions=dense.dimensions, count=count)

    with replacing(TEACHER) as target:
        target.mkdir()
        documents_NT = write(target, "documents", documents)
        queries_QT = write(target, "queries", queries)
        save_rows(target, "documents", bm25_weights(documents_NT))
        save_rows(target, "queries", presence(queries_QT))
        np.save(target / "terms.npy", len(numbers))
    return f"{TEACHER}: {queries_QT.shape[0]} queries, {documents_NT.shape[0]} documents, {len(numbers)} morphemes"


def main() -> None:
    run_stage("teacher", body)


if __name__ == "__main__":
    main()
