"""IDF against the formula worked out by hand, on the real tokenizer."""

import os
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from tiny_tokenizers import SENTENCES, byte_level, unigram, wordpiece
from tokenizers import AddedToken, Regex, normalizers, pre_tokenizers

from kosplade.errors import UserError
from kosplade.records.jsonl import read_jsonl
from kosplade.vocab import frequencies as module
from kosplade.vocab.frequencies import DocumentFrequencies, count_documents, count_shards, splits_at_spaces

TEXTS = ["서울 맛집", "서울 서울 부산", "부산에서 서울"]


def count(tokenizer, texts=TEXTS, batch_size=2) -> DocumentFrequencies:
    return count_documents(texts, tokenizer, batch_size)


def test_hand_computed_weights(tokenizer):
    frequencies = count(tokenizer)
    vocab = tokenizer.get_vocab()
    assert frequencies.documents == 3
    assert (frequencies.counts_V.dtype, frequencies.counts_V.shape) == (np.int64, (250_002,))
    assert frequencies.counts_V[tokenizer.all_special_ids].tolist() == [0] * 5
    counted = {piece: int(frequencies.counts_V[vocab[piece]]) for piece in ("▁서울", "▁부산", "에서", "▁대구")}
    assert counted == {"▁서울": 3, "▁부산": 2, "에서": 1, "▁대구": 0}
    idf_V = frequencies.idf()
    assert (idf_V.dtype, idf_V.shape) == (np.float32, (250_002,))
    # ln(1 + (3 - df + .5) / (df + .5)): df 3 ln(1 + .5 / 3.5) = ln 8/7, df 2 ln(1 + 1.5 / 2.5) = ln 1.6,
    # df 1 ln(1 + 2.5 / 1.5) = ln 8/3, df 0 ln(1 + 3.5 / .5) = ln 8.
    for piece, expected in (("▁서울", 0.1335314), ("▁부산", 0.4700036), ("에서", 0.9808293), ("▁대구", 2.0794415)):
        assert idf_V[vocab[piece]] == pytest.approx(expected, abs=1e-6)


def test_a_text_without_a_piece_is_a_document_and_no_text_is_none(tokenizer):
    frequencies = count(tokenizer, ["", " ", "서울"])
    assert (frequencies.documents, frequencies.counts_V.sum()) == (3, 1)
    frequencies = count(tokenizer, [])
    assert (frequencies.documents, frequencies.counts_V.sum()) == (0, 0)
    # ln(1 + .5 / .5) = ln 2
    np.testing.assert_allclose(frequencies.idf(), np.log(2), rtol=1e-6)


def test_a_count_is_exact_where_float32_is_not():
    # 2^24 + 1 documents: float32 would drop the 1. df = N - 1: ln(1 + 1.5 / (N - .5)) = 8.94e-8.
    documents = (1 << 24) + 1
    frequencies = DocumentFrequencies(np.array([documents - 1]), documents)
    assert frequencies.idf()[0] == pytest.approx(1.5 / (documents - 0.5), rel=1e-6)


def test_earlier_calls_with_truncation_and_padding_leave_no_trace(tokenizer):
    texts = ["서울에서 맛있는 식당을 추천해주세요", "부산"]
    expected = count(tokenizer, texts)
    tokenizer(texts, truncation=True, max_length=4, padding=True)
    found = count(tokenizer, texts)
    tokenizer(texts)  # takes the settings back, for the tests that follow
    np.testing.assert_array_equal(found.counts_V, expected.counts_V)


ODD = [
    "  두 칸  띄우고 \t탭 \n줄 ",
    "전각\u3000공백과\u00a0붙임 공백",
    "a<mask> b</s>c <pad>",
    " \u0308 e\u0301 \u0600 \u0600나 \u200d 가\ufe0f",
    "각 \u1100\u1161\u11a8 ﷺ ½ ㈜ ㎏ ｶﾞ 🇰🇷 👩‍💻",
    "▁ ▁가 가▁나 \x00 \x7f \ufeff",
    "",
    " ",
]


def plainly(tokenizer, texts: list[str]) -> np.ndarray:
    """Counts by one call of the tokenizer a text."""
    counts_V = np.zeros(len(tokenizer), dtype=np.int64)
    for text in texts:
        counts_V[np.unique(np.array(tokenizer(text, add_special_tokens=False)["input_ids"], dtype=np.int64))] += 1
    return counts_V


def test_word_by_word_is_text_by_text(tokenizer, written):
    assert splits_at_spaces(tokenizer.backend_tokenizer)
    texts = [*ODD, *(" ".join(ODD[:n]) for n in range(len(ODD))), *written]
    np.testing.assert_array_equal(count(tokenizer, texts, 50).counts_V, plainly(tokenizer, texts))


@pytest.mark.parametrize(("make", "by_words"), [(unigram, True), (wordpiece, False), (byte_level, False)])
def test_every_kind_of_vocabulary_is_counted_text_by_text(make, by_words):
    tokenizer = make()
    assert splits_at_spaces(tokenizer.backend_tokenizer) is by_words
    texts = [*SENTENCES, *ODD, *(" ".join(SENTENCES[:n]) for n in range(len(SENTENCES)))]
    counts_V = count(tokenizer, texts, 3).counts_V
    np.testing.assert_array_equal(counts_V, plainly(tokenizer, texts))
    assert counts_V.max() > len(SENTENCES)


def test_forgetting_words_changes_nothing(tokenizer, written, monkeypatch):
    whole = count(tokenizer, written, 10)
    monkeypatch.setattr(module, "WORDS_KEPT", 100)
    np.testing.assert_array_equal(count(tokenizer, written, 10).counts_V, whole.counts_V)


def test_a_tokenizer_that_looks_across_spaces_is_given_whole_texts(word_tokenizer):
    word_tokenizer.backend_tokenizer.normalizer = normalizers.Replace("w5 w6", "w7")
    assert count(word_tokenizer, ["w5 w6", "w5 w6 w8", "w5 w8", "w6 w5"]).counts_V[5:9].tolist() == [2, 1, 2, 2]
    word_tokenizer.add_tokens([AddedToken("w8 w9")])
    assert not splits_at_spaces(word_tokenizer.backend_tokenizer)
    assert count(word_tokenizer, ["w7 w8 w9"]).counts_V[[7, 8, 9, 40]].tolist() == [1, 0, 0, 1]


def test_words_are_counted_alone_where_no_part_looks_across_spaces(word_tokenizer):
    backend = word_tokenizer.backend_tokenizer
    words, metaspace = pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace
    assert splits_at_spaces(backend)
    for part, expected in (
        (pre_tokenizers.Sequence([words, metaspace(prepend_scheme="always")]), True),
        (pre_tokenizers.Sequence([words, metaspace(prepend_scheme="first")]), False),
        (pre_tokenizers.Sequence([metaspace(prepend_scheme="always"), words]), False),
        (pre_tokenizers.ByteLevel(), False),
    ):
        backend.pre_tokenizer = part
        assert splits_at_spaces(backend) is expected
    backend.pre_tokenizer = words
    for part, expected in (
        (normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()]), True),
        (normalizers.Replace(Regex(" {2,}"), " "), True),
        (normalizers.Sequence([normalizers.NFKC(), normalizers.Prepend("x")]), False),
    ):
        backend.normalizer = part
        assert splits_at_spaces(backend) is expected


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("tokenizer")
    unigram().save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def written() -> list[str]:
    """Questions that people would type, from the repository."""
    return [row["query"] for row in read_jsonl(Path(__file__).parents[2] / "data/queries/test.jsonl", ("query",))]


def test_processes_add_up_to_the_bit(folder, written, monkeypatch):
    whole = count(unigram(), written, batch_size=100)
    monkeypatch.setattr(module, "count_documents", None)  # here only: the processes import the module anew
    summed = count_shards(partial(islice, written), len(written), folder, 50, 2)
    assert summed.documents == whole.documents == len(written)
    assert summed.counts_V.tobytes() == whole.counts_V.tobytes()
    assert summed.idf().tobytes() == whole.idf().tobytes()


def test_one_process_is_this_one(folder, written, monkeypatch):
    monkeypatch.setattr(module, "ProcessPoolExecutor", None)
    counted = count_shards(partial(islice, written), len(written), folder, 50, 1)
    assert counted.idf().tobytes() == count(unigram(), written).idf().tobytes()


@pytest.mark.full
def test_a_process_that_fails_or_is_killed_is_one_line_with_the_remedy(folder, tmp_path):
    with pytest.raises(UserError, match=r"not found\. Run: dvc repro backbone"):
        count_shards(partial(islice, TEXTS), len(TEXTS), tmp_path / "missing", 2, 2)
    # max(start, stop, key=os._exit) ends the process that opens the texts as suddenly as a kill.
    with pytest.raises(UserError, match=r"killed.*Lower machine.idf_processes\."):
        count_shards(partial(max, key=os._exit), 2, folder, 2, 2)
