"""Approximate search by Seismic (Bruch et al. 2024), the algorithm of OpenSearch's neural sparse ANN search.

Its package serves this one figure and has a wheel for few machines, so it is no requirement.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from kosplade.retrieval.cost import speed
from kosplade.retrieval.encoding import used_pieces

# The index: documents kept of a piece's postings (on average; collections of a few thousand keep all), clusters as a
# share of them, and how much of a cluster's total weight its summary keeps. The package's defaults, but twice as many
# clusters: measured on 5,500 Korean passages, searches become about a quarter faster for a tenth more disk.
N_POSTINGS = 3500
CENTROID_FRACTION = 0.2
MIN_CLUSTER_SIZE = 2
SUMMARY_ENERGY = 0.4
# The search: the heaviest pieces of a query that are looked up, and how readily clusters are skipped (more towards 1).
# On the same passages these find 98 to 99 % of the exact top 10; 5 pieces find 91 to 95 %, 20 pieces half a point more
# at half to three quarters of the speed.
QUERY_CUT = 10
HEAP_FACTOR = 0.9

INSTALL = "pip install pyseismic-lsr==0.5.4"
RECALL_DEPTH = 10


def is_available() -> bool:
    """Whether the package is installed; INSTALL does that."""
    return find_spec("seismic") is not None


class ApproximateIndex:
    """A Seismic index of documents [N, V] with non-negative weights, for vocabularies beyond 65,536 pieces as well.

    Two builds give the same clusters and results. The build takes the threads of RAYON_NUM_THREADS, or all cores;
    searching takes one. Weights are float16: scores differ from exact ones by up to 0.05 %, and those below 6e-8 are
    lost. Documents without weights are never found.
    """

    def __init__(self, documents_NV: csr_matrix) -> None:
        documents_NV = _tidy(documents_NV)
        # Seismic pays for every piece that might occur, used or not: 5 s and 57 MB for an empty vocabulary of 250,002.
        self._pieces_P = used_pieces(documents_NV)
        self._index = self._build(documents_NV[:, self._pieces_P]) if documents_NV.nnz else None

    @staticmethod
    def _build(documents_NP: csr_matrix) -> Any:
        import seismic

        dataset = seismic.SeismicDatasetLV(dim=documents_NP.shape[1])
        dataset.add_documents_by_id(
            [str(row) for row in range(documents_NP.shape[0])],
            documents_NP.indices.astype(np.int64),
            documents_NP.data,
            documents_NP.indptr.astype(np.int64),
        )
        with _silence():
            return seismic.SeismicIndexLV.build_from_dataset(
                dataset,
                n_postings=N_POSTINGS,
                centroid_fraction=CENTROID_FRACTION,
                min_cluster_size=MIN_CLUSTER_SIZE,
                summary_energy=SUMMARY_ENERGY,
            )

    def search(self, queries_QV: csr_matrix, depth: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the `depth` best documents it finds for each query, in the convention of `kosplade.retrieval.search`.

        The result is (ids [Q, depth] int64, scores [Q, depth] float32), best first, ties by document order; places left
        over hold id -1 and score 0. Which of several documents that tie at the cut is found is not set.
        """
        queries_QP = _tidy(queries_QV)[:, self._pieces_P]
        ids_QK = np.full((queries_QP.shape[0], depth), -1, dtype=np.int64)
        scores_QK = np.zeros((queries_QP.shape[0], depth), dtype=np.float32)
        if self._index is None:
            return ids_QK, scores_QK
        import seismic

        columns = queries_QP.indices.astype(seismic.get_seismic_string())
        # One query at a time: with several threads `batch_search` answers in no set order, with one it is no faster.
        for row, (start, end) in enumerate(pairwise(queries_QP.indptr)):
            answers = self._index.search(
                query_id="",
                query_components=columns[start:end],
                query_values=queries_QP.data[start:end],
                k=depth,
                query_cut=QUERY_CUT,
                heap_factor=HEAP_FACTOR,
            )
            # In the order wanted, ties included; a weight that float16 rounded to 0 scores 0.
            found = [(int(document), score) for _, score, document in answers if score > 0]
            ids_QK[row, : len(found)] = [document for document, _ in found]
            scores_QK[row, : len(found)] = [score for _, score in found]
        return ids_QK, scores_QK

    @cached_property
    def bytes(self) -> int:
        """Size of the saved index, the documents' own vectors included; 0 without a weight to index."""
        if self._index is None:
            return 0
        with TemporaryDirectory() as folder:
            with _silence():
                self._index.save(str(Path(folder) / "saved"))
            return sum(file.stat().st_size for file in Path(folder).iterdir())


def recall(exact_ids: np.ndarray, found_ids: np.ndarray, k: int = RECALL_DEPTH) -> float:
    """Mean share of the exact `k` best documents that are among the `k` found.

    Both are int64 [Q, at least k], best first, -1 where nothing was retrieved. Queries for which exact search retrieves
    nothing do not count; 1 if there is no other.
    """
    shares = []
    for exact, found in zip(exact_ids[:, :k], found_ids[:, :k], strict=True):
        retrieved = exact[exact >= 0]
        if len(retrieved):
            shares.append(np.isin(retrieved, found).mean())
    return float(np.mean(shares)) if shares else 1.0


def approximate_cost(
    exact_ids: np.ndarray, queries_QV: csr_matrix, index: ApproximateIndex, repeats: int = 3
) -> dict[str, float | int]:
    """Compare an index with exact search, whose result is `exact_ids` (int64 [Q, at least 10]).

    - queries_a_second: of searching for the 10 best on one thread, median of `repeats` calls with all queries, to 1
      digit; compare with `exact_speed` at depth 10;
    - recall10: see `recall`, to 6 digits;
    - index_bytes: size of the saved index on disk.
    """
    found_ids, _ = index.search(queries_QV, RECALL_DEPTH)
    queries_a_second = speed(lambda: index.search(queries_QV, RECALL_DEPTH), queries_QV.shape[0], repeats)
    return {
        "queries_a_second": round(queries_a_second, 1),
        "recall10": round(recall(exact_ids, found_ids), 6),
        "index_bytes": index.bytes,
    }


@contextmanager
def _silence() -> Iterator[None]:
    """Drop what native code writes to standard output, past Python's own."""
    sys.stdout.flush()
    kept = os.dup(1)
    try:
        with open(os.devnull, "wb") as nothing:
            os.dup2(nothing.fileno(), 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def _tidy(vectors_NV: csr_matrix) -> csr_matrix:
    """A float32 copy whose pieces are in order, once each and without zeros, as Seismic needs them."""
    vectors_NV = vectors_NV.astype(np.float32)
    vectors_NV.sum_duplicates()
    vectors_NV.eliminate_zeros()
    return vectors_NV
