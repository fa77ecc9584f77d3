"""BM25 inverse document frequency of every piece, counted in one pass over a stream of texts."""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm
from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class DocumentFrequencies:
    """`counts_V` int64: in how many of the `documents` texts a piece occurs. Shards add up exactly."""

    counts_V: np.ndarray
    documents: int

    def __add__(self, other: "DocumentFrequencies") -> "DocumentFrequencies":
        return DocumentFrequencies(self.counts_V + other.counts_V, self.documents + other.documents)

    def idf(self) -> np.ndarray:
        """float32 [V]: ln(1 + (N - df + 0.5) / (df + 0.5)), summed and divided in float64 (BM25, Robertson 2009)."""
        df_V = self.counts_V.astype(np.float64)
        return np.log1p((self.documents - df_V + 0.5) / (df_V + 0.5)).astype(np.float32)


def count_documents(
    texts: Iterable[str], tokenizer: PreTrainedTokenizerBase, batch_size: int, label: str = "count pieces"
) -> DocumentFrequencies:
    """Count each distinct piece once a text; special pieces are not added. Memory does not grow with the stream."""
    backend = tokenizer.backend_tokenizer
    backend.no_truncation()  # a tokenizer.json may bring either along
    backend.no_padding()
    counts_V = np.zeros(len(tokenizer), dtype=np.int64)
    documents = 0
    stream = iter(tqdm(texts, desc=label, unit="text", mininterval=1))
    while batch := list(itertools.islice(stream, batch_size)):
        encoded = backend.encode_batch_fast(batch, add_special_tokens=False)
        distinct = [np.unique(np.asarray(one.ids, dtype=np.int64)) for one in encoded]
        counts_V += np.bincount(np.concatenate(distinct), minlength=len(counts_V))
        documents += len(batch)
    return DocumentFrequencies(counts_V, documents)
