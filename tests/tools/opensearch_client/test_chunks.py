"""Documents split at sentence ends: nothing is lost, nothing is too long, neighbours overlap."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.sparse import csr_matrix, random_array

from kosplade.records.document import Document
from kosplade.records.text import sentences
from kosplade.retrieval.search import search
from kosplade.tools.opensearch.chunks import OVERLAP, search_chunks, split, windows


def document(text: str, title: str = "") -> Document:
    return Document("corpus.jsonl:1", "d", title, text)


def pieces(tokenizer, texts: list[str]) -> list[int]:
    return [len(ids) for ids in tokenizer(texts)["input_ids"]]


@pytest.mark.parametrize(
    ("lengths", "room", "expected"),
    [
        ([3, 3, 3], 9, [(0, 3)]),
        ([16] * 10, 64, [(0, 4), (3, 7), (6, 10)]),  # an eighth is 8, so one sentence of 16
        ([4] * 30, 64, [(0, 16), (14, 30)]),  # two of 4
        ([60, 60, 60], 64, [(0, 1), (1, 2), (2, 3)]),  # no room for a repetition
        ([30, 30, 40, 5], 64, [(0, 2), (2, 4)]),  # 30 and 40 are more than 64
        ([10] * 8, 64, [(0, 5), (4, 8)]),  # even: 60 and 30 would do, too
    ],
)
def test_windows(lengths, room, expected):
    assert windows(lengths, room) == expected


def test_windows_hold_every_sentence_and_overlap_where_there_is_room():
    rng = np.random.default_rng(0)
    for _ in range(300):
        room = int(rng.integers(4, 200))
        lengths = rng.integers(0, rng.integers(1, room + 1), int(rng.integers(1, 60)), endpoint=True).tolist()
        found = windows(lengths, room)
        assert {i for begin, end in found for i in range(begin, end)} == set(range(len(lengths)))
        assert all(sum(lengths[begin:end]) <= room for begin, end in found)
        assert found == sorted(found)
        for (_, end), (begin, next_end) in pairwise(found):
            assert next_end > end
            assert sum(lengths[begin:end]) <= max(room // OVERLAP, lengths[end - 1])
            # Without an overlap the last sentence and the next one would be too much.
            assert begin < end or lengths[end - 1] + lengths[end] > max(sum(lengths[b:e]) for b, e in found)


@pytest.mark.parametrize("max_length", [16, 128, 512])
@pytest.mark.parametrize(("title", "is_repeated"), [("", True), ("회의록", True), ("아주 긴 제목 " * 60, False)])
def test_every_sentence_is_in_a_chunk_and_no_chunk_is_too_long(tokenizer, title, is_repeated, max_length):
    rng = np.random.default_rng(max_length)
    words = [
        "결제를",
        "취소하면",
        "3일",
        "안에",
        "환불됩니다",
        "OpenSearch",
        "漢字",
        "(주)한국",
        "a/b?c=d",
        "🙂",
        "Ⅳ장",
    ]
    ends = [".", "? ", "\n", "다.", "!” "]
    text = " ".join(" ".join(rng.choice(words, rng.integers(2, 30))) + rng.choice(ends) for _ in range(120))
    [chunks] = split([document(text, title)], tokenizer, max_length)
    assert len(chunks) > 1
    assert max(pieces(tokenizer, chunks)) <= max_length
    assert all(chunk.startswith(f"{title}\n") for chunk in chunks) == (is_repeated and title != "")
    assert chunks[0].startswith(title[:10])
    room = max_length - sum(pieces(tokenizer, [title])) * is_repeated
    fitting = [one for one in sentences(text) if sum(pieces(tokenizer, [one])) <= room]
    assert fitting
    assert all(any(sentence in chunk for chunk in chunks) for sentence in fitting)
    assert set(" ".join(chunks).split()) >= set(" ".join(sentences(text)).split())


def test_what_fits_stays_as_it_is(word_tokenizer):
    short, titled = "w5  w6.\nw7", document("w5 w6", "w9")
    assert split([document(short), titled], word_tokenizer, 5) == [[short], ["w9\nw5 w6"]]
    assert split([document(short)], word_tokenizer, 4) == [["w5 w6.", "w7"]]
    assert split([document("w5 w6 w7", "")], word_tokenizer, 4) == [["w5 w6", "w7"]]


def test_a_sentence_that_is_too_long_is_cut_at_blanks_and_a_word_anywhere(tokenizer):
    sentence = "서비스 이용 약관에 동의합니다 " * 50
    [chunks] = split([document(sentence)], tokenizer, 64)
    assert all(set(chunk.split()) <= set(sentence.split()) for chunk in chunks)
    assert max(pieces(tokenizer, chunks)) <= 64
    word = "가나다라마바사" * 100
    [chunks] = split([document(word)], tokenizer, 64)
    assert max(pieces(tokenizer, chunks)) <= 64
    assert sum(len(chunk.replace(" ", "")) for chunk in chunks) >= len(word)
    [[chunk, *_]] = split([document("\ufdfa" * 9)], tokenizer, 4)  # one character, more pieces than there is room for
    assert chunk == "\ufdfa"


@pytest.mark.parametrize(
    ("title", "text"), [("w5 " * 20, ""), ("w5 " * 20, "w6"), ("w9", "w6 " * 20), ("", "w6 " * 20)]
)
def test_a_document_always_has_a_chunk(word_tokenizer, title, text):
    for length in range(3, 12):
        [chunks] = split([document(text, title)], word_tokenizer, length)
        assert chunks
        assert all(chunk.strip() for chunk in chunks)
        assert max(pieces(word_tokenizer, chunks)) <= length


def test_a_document_scores_as_its_best_chunk():
    rng = np.random.default_rng(0)
    chunks_CV = csr_matrix(random_array((40, 50), density=0.2, format="csr", rng=rng, dtype=np.float32))
    queries_QV = csr_matrix(random_array((7, 50), density=0.1, format="csr", rng=rng, dtype=np.float32))
    counts_N = [1, 7, 2, 10, 5, 15]
    ids_QK, scores_QK = search_chunks(queries_QV, chunks_CV, counts_N, 8)
    scores_QC = (queries_QV @ chunks_CV.T).toarray()
    best_QN = np.array([[of.max() for of in np.split(row, np.cumsum(counts_N)[:-1])] for row in scores_QC])
    for ids_K, scores_K, best_N in zip(ids_QK, scores_QK, best_QN, strict=True):
        is_found_K = ids_K >= 0
        assert sorted(ids_K[is_found_K]) == np.flatnonzero(best_N).tolist()
        np.testing.assert_array_equal(scores_K[is_found_K], np.sort(best_N[best_N > 0])[::-1])
        np.testing.assert_array_equal(scores_K[is_found_K], best_N[ids_K[is_found_K]])
    whole = search(queries_QV, chunks_CV, 8)
    np.testing.assert_array_equal(search_chunks(queries_QV, chunks_CV, [1] * 40, 8), whole)
