"""The teacher that distillation imitates: a dense encoder and BM25 over morphemes, which know different things.

Every training text is encoded and analysed once (stage `teacher`); training reads the results by row.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix

from kosplade.errors import UserError
from kosplade.records.text import text_id
from kosplade.teacher.lexical import Lexical, load_rows, stack

# Texts encoded between two writes: enough to sort them by length, few enough for any memory.
CHUNK = 1 << 15


def text_numbers(texts: Iterable[str]) -> np.ndarray:
    """The ids of texts as numbers, uint64 [N]."""
    return np.fromiter((int(text_id(text), 16) for text in texts), dtype=np.uint64)


def write_side(
    folder: Path,
    side: str,
    texts: Callable[[], Iterable[str]],
    *,
    encode: Callable[[list[str]], np.ndarray],
    dimensions: int,
    count: Callable[[list[str]], csr_matrix],
) -> csr_matrix:
    """Encode and count each distinct text once; return the counts of terms, a row for each text.

    Writes <side>.npy (float16 [N, D]) and <side>_ids.npy (uint64 [N], rising: the order of all rows) into an existing
    folder. `texts` is called twice and gives the same texts in the same order, some of them more than once; `encode`
    turns some thousand into float32 [n, D], `count` into CSR [n, terms]. Memory holds the terms of all texts, not the
    texts.
    """
    numbers = text_numbers(texts())
    ids_N, firsts_N = np.unique(numbers, return_index=True)
    is_first = np.zeros(len(numbers), dtype=bool)
    is_first[firsts_N] = True
    np.save(folder / f"{side}_ids.npy", ids_N)
    shape = (len(ids_N), dimensions)
    path = folder / f"{side}.npy"
    # In full before it is mapped: where the disk has no room for a page of a map, the system kills the process.
    np.save(path, np.broadcast_to(np.float16(0), shape))
    vectors_ND = np.load(path, mmap_mode="r+")
    places, counts = [], []
    for chunk in _chunks(itertools.compress(texts(), is_first)):
        places.append(np.searchsorted(ids_N, text_numbers(chunk)))
        vectors_ND[places[-1]] = encode(chunk)
        counts.append(count(chunk))
    vectors_ND.flush()
    return stack(counts)[np.argsort(np.concatenate(places))]


def _chunks(texts: Iterable[str]) -> Iterator[list[str]]:
    stream = iter(texts)
    while chunk := list(itertools.islice(stream, CHUNK)):
        yield chunk


@dataclass(frozen=True)
class Side:
    """Queries or documents: dense vectors float16 [N, D] in the rising order of the texts' ids, uint64 [N]."""

    ids_N: np.ndarray
    vectors_ND: np.ndarray

    def rows(self, texts: Iterable[str]) -> np.ndarray:
        """int64 [B], the row of each text. Raises UserError for a text that the teacher never saw."""
        wanted = text_numbers(texts)
        rows = np.minimum(np.searchsorted(self.ids_N, wanted), len(self.ids_N) - 1)
        if (self.ids_N[rows] != wanted).any():
            raise UserError("outputs/teacher lacks a training text. Run: dvc repro teacher")
        return rows

    def vectors(self, rows: np.ndarray) -> np.ndarray:
        """float32 [B, D], L2-normalised."""
        return self.vectors_ND[rows].astype(np.float32)


@dataclass(frozen=True)
class Teacher:
    """A dense and a lexical retriever whose scores add up; all files memory-mapped."""

    queries: Side
    documents: Side
    lexical: Lexical

    def logits(
        self, query_rows: np.ndarray, document_rows: np.ndarray, *, temperature: float, lexical_weight: float
    ) -> np.ndarray:
        """float32 [B, N]: cosine / temperature + lexical_weight * BM25, of texts given by their rows."""
        cosines_BN = self.queries.vectors(query_rows) @ self.documents.vectors(document_rows).T
        return cosines_BN / temperature + lexical_weight * self.lexical.scores(query_rows, document_rows)


def load_teacher(folder: Path) -> Teacher:
    """Open what the stage `teacher` wrote. Raises UserError if it is missing or damaged."""
    queries, documents = (_open_side(folder, side) for side in ("queries", "documents"))
    try:
        columns = int(_map(folder, "terms.npy"))
        rows = [load_rows(lambda name: _map(folder, name), side, columns) for side in ("queries", "documents")]
    except (ValueError, TypeError, IndexError) as error:
        raise UserError(f"{folder}: the lexical teacher is damaged ({error}). Run: dvc repro -f teacher") from None
    if [len(queries.ids_N), len(documents.ids_N)] != [matrix.shape[0] for matrix in rows]:
        raise UserError(f"{folder}: the dense and the lexical teacher differ in texts. Run: dvc repro -f teacher")
    return Teacher(queries, documents, Lexical(*rows))


def _open_side(folder: Path, side: str) -> Side:
    ids_N, vectors_ND = (_map(folder, f"{name}.npy") for name in (f"{side}_ids", side))
    if len(ids_N) != len(vectors_ND):
        raise UserError(f"{folder}: {side}_ids.npy and {side}.npy differ in length. Run: dvc repro -f teacher")
    return Side(ids_N, vectors_ND)


def _map(folder: Path, name: str) -> np.ndarray:
    try:
        return np.load(folder / name, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise UserError(f"{folder} has no teacher vectors. Run: dvc repro teacher") from None
    except (ValueError, EOFError) as error:
        raise UserError(f"{folder}/{name} cannot be read ({error}). Run: dvc repro -f teacher") from None
