"""BM25 inverse document frequency of every piece, counted in one pass over a stream of texts or over shards of it."""

import itertools
import json
import operator
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial, reduce
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer
from tokenizers.normalizers import Normalizer
from tokenizers.pre_tokenizers import PreTokenizer
from tqdm import tqdm
from transformers import PreTrainedTokenizerBase

from kosplade.errors import UserError
from kosplade.vocab.tokenizer import load_tokenizer

WORDS_KEPT = 1 << 18  # with their pieces about 60 MB


@dataclass(frozen=True)
class DocumentFrequencies:
    """`counts_V` int64: in how many of the `documents` texts a piece occurs. Shards add up exactly.

    `pieces` are those of all the texts together, repetitions counted, special ones not.
    """

    counts_V: np.ndarray
    documents: int
    pieces: int = 0

    @property
    def mean_length(self) -> float:
        """Pieces of a text."""
        return self.pieces / max(self.documents, 1)

    def __add__(self, other: "DocumentFrequencies") -> "DocumentFrequencies":
        counts_V = self.counts_V + other.counts_V
        return DocumentFrequencies(counts_V, self.documents + other.documents, self.pieces + other.pieces)

    def idf(self) -> np.ndarray:
        """float32 [V]: ln(1 + (N - df + 0.5) / (df + 0.5)), summed and divided in float64 (BM25, Robertson 2009)."""
        df_V = self.counts_V.astype(np.float64)
        return np.log1p((self.documents - df_V + 0.5) / (df_V + 0.5)).astype(np.float32)


def splits_at_spaces(backend: Tokenizer) -> bool:
    """Whether the pieces of a text are, by construction, those of its parts between spaces taken one by one.

    True of tokenizers built from the parts of XLM-RoBERTa's: a normaliser that nothing carries across a space, then
    words, each beginning with "▁". Any other part counts as one that looks at the whole text.
    """
    normalizer, (first, *others) = _steps(backend.normalizer), _steps(backend.pre_tokenizer) or [{}]
    return (
        first == {"type": "WhitespaceSplit"}
        and all(_is_wordwise(step) for step in (*normalizer, *others))
        and not any(" " in token.content for token in backend.get_added_tokens_decoder().values())
    )


def _steps(part: Normalizer | PreTokenizer | None) -> list[dict]:
    state = {} if part is None else json.loads(part.__getstate__())
    return state.get("normalizers") or state.get("pretokenizers") or ([state] if state else [])


def _is_wordwise(step: dict) -> bool:
    match step:
        case {"type": "NFC" | "NFKC" | "Lowercase" | "Precompiled"} | {"type": "Metaspace", "prepend_scheme": "always"}:
            return True
        case {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}:
            return True
    return False


class DistinctPieces:
    """Tells the distinct pieces of texts, word by word where the tokenizer allows it.

    Nearly all the time of a count is the tokenizer's, and most words of a corpus have been met before.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self._backend = tokenizer.backend_tokenizer
        self._backend.no_truncation()  # a tokenizer.json may bring either along
        self._backend.no_padding()
        self._by_words = splits_at_spaces(self._backend)
        self._known: dict[str, tuple[int, ...]] = {}

    def __call__(self, texts: list[str]) -> tuple[np.ndarray, int]:
        """(ids int64, pieces): the distinct ids of each text in turn, and how many pieces the texts have together.

        No special piece is added.
        """
        if self._by_words:
            words = [text.split(" ") for text in texts]
            self._learn(set(itertools.chain.from_iterable(words)))
            ids_of = self._known.__getitem__
            texts_ids = [list(itertools.chain.from_iterable(map(ids_of, text))) for text in words]
        else:
            texts_ids = list(self._encode(texts))
        distinct = itertools.chain.from_iterable(map(set, texts_ids))
        return np.fromiter(distinct, dtype=np.int64), sum(map(len, texts_ids))

    def _learn(self, words: set[str]) -> None:
        if len(self._known) > WORDS_KEPT:
            self._known.clear()
        new = list(words - self._known.keys())
        self._known.update(zip(new, map(tuple, self._encode(new)), strict=True))

    def _encode(self, texts: list[str]) -> Iterator[list[int]]:
        return (one.ids for one in self._backend.encode_batch_fast(texts, add_special_tokens=False))


def count_documents(
    texts: Iterable[str],
    tokenizer: PreTrainedTokenizerBase,
    batch_size: int,
    label: str = "count pieces",
    total: int | None = None,
) -> DocumentFrequencies:
    """Count each distinct piece once a text; special pieces are not added. Memory does not grow with the stream.

    `label` and `total` (number of texts) are for the progress bar.
    """
    distinct_pieces = DistinctPieces(tokenizer)
    counts_V = np.zeros(len(tokenizer), dtype=np.int64)
    documents = pieces = 0
    stream = iter(tqdm(texts, desc=label, total=total, unit="text", mininterval=1))
    while batch := list(itertools.islice(stream, batch_size)):
        distinct, length = distinct_pieces(batch)
        counts_V += np.bincount(distinct, minlength=len(counts_V))
        documents += len(batch)
        pieces += length
    return DocumentFrequencies(counts_V, documents, pieces)


def count_shards(
    open_texts: Callable[[int, int], Iterable[str]],
    total: int,
    tokenizer_folder: str | Path,
    batch_size: int,
    processes: int,
    unit: str = "text",
) -> DocumentFrequencies:
    """Count texts 0 to `total` in contiguous ranges, one a process, and add them up: `count_documents` to the bit.

    `open_texts(start, stop)` gives the texts of a range. It is called where they are counted, so it must be picklable.
    `total` may count something else, files say, that holds texts; `unit` is its name, for the progress bar.
    `processes` 1 counts in this process, 0 starts one a core. Raises UserError if the folder holds no tokenizer or a
    process is killed.
    """
    cores = os.cpu_count() or 1
    workers = max(1, min(processes or cores, total))
    count = partial(_count_range, open_texts, tokenizer_folder, batch_size, unit)
    if workers == 1:
        return count(0, total)
    bounds = [total * i // workers for i in range(workers + 1)]
    threads = max(1, cores // workers)
    # Not fork: a copy of this process would wait for ever on the threads of its tokenizer, which are not copied.
    with ProcessPoolExecutor(workers, get_context("spawn"), _limit_threads, (threads,)) as pool:
        try:
            return reduce(operator.add, pool.map(count, bounds[:-1], bounds[1:]))
        except BrokenProcessPool:
            raise UserError(
                "idf: a process was killed, perhaps for want of memory. Lower machine.idf_processes."
            ) from None


def _limit_threads(threads: int) -> None:
    """Let the tokenizer of this process use that many threads; it reads the variable when it first needs some."""
    os.environ["RAYON_NUM_THREADS"] = str(threads)


def _count_range(
    open_texts: Callable[[int, int], Iterable[str]],
    folder: str | Path,
    batch_size: int,
    unit: str,
    start: int,
    stop: int,
) -> DocumentFrequencies:
    label, total = f"count pieces from {unit} {start}", stop - start if unit == "text" else None
    return count_documents(open_texts(start, stop), load_tokenizer(folder), batch_size, label, total)
