"""Long documents as chunks that overlap, each short enough for the model; a document scores as its best chunk does."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import accumulate

import numpy as np
from scipy.sparse import csr_matrix, identity
from transformers import PreTrainedTokenizerBase

from kosplade.records.document import Document
from kosplade.records.text import is_blank, sentences
from kosplade.retrieval.search import search
from kosplade.retrieval.served import ServedModel

CHUNK_LENGTH = 128  # pieces, special ones included
OVERLAP = 8  # an overlap is at most this part of a chunk, where a single sentence is no more than that
LONGEST_TITLE = 4  # a title that is more than this part of a chunk is read once, as the first sentence


def windows(lengths: Sequence[int], room: int) -> list[tuple[int, int]]:
    """(begin, end) of each chunk in a row of sentences of `lengths` pieces, none of which is above `room`.

    A chunk begins with those sentences at the end of the chunk before that are an OVERLAP-th of `room`, or with the
    last one where that is longer, unless the next sentence would not fit then. Chunks are as few as `room` allows, and
    as even as their number allows: a short rest would weigh its words more.
    """
    sums = list(accumulate(lengths, initial=0))
    fewest = len(_windows(sums, room))
    smallest = max(lengths)
    smaller = bisect_left(range(smallest, room), True, key=lambda size: len(_windows(sums, size)) <= fewest)
    return _windows(sums, smallest + smaller)


def _windows(sums: Sequence[int], room: int) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    begin, end = 0, 0
    while end < len(sums) - 1:
        end = bisect_right(sums, sums[begin] + room) - 1
        found.append((begin, end))
        if end < len(sums) - 1:
            repeated = min(bisect_left(sums, sums[end] - room // OVERLAP), end - 1)
            begin = min(max(repeated, bisect_left(sums, sums[end + 1] - room)), end)
    return found


def split(documents: Sequence[Document], tokenizer: PreTrainedTokenizerBase, max_length: int) -> list[list[str]]:
    """The chunks of each document, of `max_length` pieces at most, special ones included; what fits stays whole.

    Chunks are whole sentences with the title before them; one that is too long is cut at the blank nearest to its
    middle, a word without blanks in its middle. Pieces must not reach across blanks, as those of SentencePiece do not.
    """
    room = max_length - tokenizer.num_special_tokens_to_add()
    lengths = _count([document.whole for document in documents], tokenizer)
    return [
        [document.whole] if length <= room else _split(document, tokenizer, room)
        for document, length in zip(documents, lengths, strict=True)
    ]


def encode_chunks(model: ServedModel, documents: Sequence[Document], label: str) -> tuple[list[list[str]], csr_matrix]:
    """The chunks of each document, and the served vectors of all of them one below the other, CSR [C, V]."""
    texts = split(documents, model.tokenizer, model.max_document_length)
    return texts, model.documents([text for of in texts for text in of], label)


def search_chunks(
    queries_QV: csr_matrix, chunks_CV: csr_matrix, counts_N: Sequence[int], depth: int
) -> tuple[np.ndarray, np.ndarray]:
    """As `kosplade.retrieval.search.search`, for documents of `counts_N` chunks each (1 or more), by their best one.

    Memory holds a score of every query and chunk.
    """
    starts_N = np.cumsum([0, *counts_N[:-1]])
    scores_QC = (queries_QV.astype(np.float32) @ chunks_CV.astype(np.float32).T).toarray()
    scores_QN = np.maximum.reduceat(scores_QC, starts_N, axis=1)
    return search(csr_matrix(scores_QN), identity(len(counts_N), dtype=np.float32, format="csr"), depth)


def _split(document: Document, tokenizer: PreTrainedTokenizerBase, room: int) -> list[str]:
    title, text = document.title, document.text
    [titled] = _count([title], tokenizer)
    if is_blank(title) or is_blank(text) or titled > room // LONGEST_TITLE:
        title, text, titled = "", document.whole, 0
    room -= titled
    found = list(sentences(text))
    parts = [
        part
        for sentence, length in zip(found, _count(found, tokenizer), strict=True)
        for part in _parts(sentence, length, tokenizer, room)
    ]
    chunks = windows([length for _, length in parts], room)
    texts = (" ".join(part for part, _ in parts[begin:end]) for begin, end in chunks)
    return [replace(document, title=title, text=text).whole for text in texts]


def _parts(sentence: str, length: int, tokenizer: PreTrainedTokenizerBase, room: int) -> Iterator[tuple[str, int]]:
    """A sentence and its length, or its parts and theirs where it is longer than `room`."""
    if length <= room or len(sentence) < 2:
        yield sentence, min(length, room)  # one character may be many pieces
        return
    middle = len(sentence) // 2
    blanks = [at for at in (sentence.rfind(" ", 0, middle), sentence.find(" ", middle)) if at > 0]
    cut = min(blanks, key=lambda at: abs(at - middle), default=middle)
    halves = [sentence[:cut], sentence[cut:].lstrip(" ")]
    for half, of in zip(halves, _count(halves, tokenizer), strict=True):
        yield from _parts(half, of, tokenizer, room)


def _count(texts: list[str], tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Pieces of each text, without special ones."""
    return [len(ids) for ids in tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"]]
