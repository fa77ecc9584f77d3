"""The teacher that distillation imitates: a dense encoder and BM25 over morphemes, which know different things.

Every training text is encoded and analysed once (stage `teacher`); training reads the results by row.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from scipy.sparse import csr_matrix
from tqdm import tqdm
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from kosplade.corpus.text import text_id
from kosplade.errors import UserError
from kosplade.training.lexical import Lexical, load_rows, stack

# Texts encoded between two writes: enough to sort them by length, few enough for any memory.
CHUNK = 1 << 15


def encode_dense(
    texts: Sequence[str],
    encoder: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    *,
    pooling: str,
    max_length: int,
    batch_size: int,
    label: str,
) -> np.ndarray:
    """L2-normalised vectors float32 [N, D] of `texts` in order; `pooling` is `mean` (over real positions) or `cls`."""
    encoded = tokenizer(list(texts), truncation=True, max_length=max_length)["input_ids"]
    order = np.argsort([len(ids) for ids in encoded], kind="stable")
    vectors_ND = np.empty((len(texts), encoder.config.hidden_size), dtype=np.float32)
    device = encoder.device
    with torch.inference_mode(), tqdm(total=len(texts), desc=label, unit="text", mininterval=1) as bar:
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            batch = tokenizer.pad({"input_ids": [encoded[i] for i in rows]}, return_tensors="pt").to(device)
            hidden_BLD = encoder(batch["input_ids"], batch["attention_mask"]).last_hidden_state.float()
            if pooling == "cls":
                pooled_BD = hidden_BLD[:, 0]
            else:
                mask_BL1 = batch["attention_mask"].unsqueeze(-1)
                pooled_BD = (hidden_BLD * mask_BL1).sum(1) / mask_BL1.sum(1)
            vectors_ND[rows] = F.normalize(pooled_BD, dim=1).cpu().numpy()
            bar.update(len(rows))
    return vectors_ND


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
    vectors_ND = np.lib.format.open_memmap(folder / f"{side}.npy", mode="w+", dtype=np.float16, shape=shape)
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
