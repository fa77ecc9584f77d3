"""IDF against the formula worked out by hand, on the real tokenizer."""

import weakref

import numpy as np
import pytest

from kosplade.vocab.idf import DocumentFrequencies, count_documents

TEXTS = ["서울 맛집", "서울 서울 부산", "부산에서 서울"]


def count(tokenizer, texts=TEXTS, batch_size=2) -> DocumentFrequencies:
    return count_documents(texts, tokenizer, batch_size)


def test_hand_computed_weights(tokenizer):
    frequencies = count(tokenizer)
    vocab = tokenizer.get_vocab()
    assert frequencies.documents == 3
    counted = {piece: int(frequencies.counts_V[vocab[piece]]) for piece in ("▁서울", "▁부산", "에서", "▁대구")}
    assert counted == {"▁서울": 3, "▁부산": 2, "에서": 1, "▁대구": 0}
    idf_V = frequencies.idf()
    # ln(1 + (3 - df + .5) / (df + .5)): df 3 ln(1 + .5 / 3.5) = ln 8/7, df 2 ln(1 + 1.5 / 2.5) = ln 1.6,
    # df 1 ln(1 + 2.5 / 1.5) = ln 8/3, df 0 ln(1 + 3.5 / .5) = ln 8.
    for piece, expected in (("▁서울", 0.1335314), ("▁부산", 0.4700036), ("에서", 0.9808293), ("▁대구", 2.0794415)):
        assert idf_V[vocab[piece]] == pytest.approx(expected, abs=1e-6)


def test_one_float32_for_every_piece(tokenizer):
    frequencies = count(tokenizer)
    assert (frequencies.counts_V.dtype, frequencies.counts_V.shape) == (np.int64, (250_002,))
    assert (frequencies.idf().dtype, frequencies.idf().shape) == (np.float32, (250_002,))


def test_special_pieces_do_not_occur(tokenizer):
    assert count(tokenizer).counts_V[tokenizer.all_special_ids].tolist() == [0] * 5


@pytest.mark.parametrize("batch_size", [1, 2, 3, 100])
def test_the_batch_size_changes_nothing(tokenizer, batch_size):
    np.testing.assert_array_equal(count(tokenizer, batch_size=batch_size).counts_V, count(tokenizer).counts_V)


def test_shards_add_up_to_the_bit(tokenizer):
    texts = [f"{place} {number}번 출구에서 만나요" for place in ("서울", "부산", "대구") for number in range(30)]
    whole = count(tokenizer, texts)
    summed = count(tokenizer, texts[:41]) + count(tokenizer, texts[41:])
    assert summed.documents == whole.documents == 90
    np.testing.assert_array_equal(summed.counts_V, whole.counts_V)
    assert summed.idf().tobytes() == whole.idf().tobytes()


def test_a_count_is_exact_where_float32_is_not():
    # 2^24 + 1 documents: float32 would drop the 1. df = N - 1: ln(1 + 1.5 / (N - .5)) = 8.94e-8.
    documents = (1 << 24) + 1
    frequencies = DocumentFrequencies(np.array([documents - 1]), documents)
    assert frequencies.idf()[0] == pytest.approx(1.5 / (documents - 0.5), rel=1e-6)


def test_no_text_at_all(tokenizer):
    frequencies = count(tokenizer, [])
    assert (frequencies.documents, frequencies.counts_V.sum()) == (0, 0)
    # ln(1 + .5 / .5) = ln 2
    np.testing.assert_allclose(frequencies.idf(), np.log(2), rtol=1e-6)


def test_a_text_without_a_piece_is_a_document(tokenizer):
    frequencies = count(tokenizer, ["", " ", "서울"])
    assert (frequencies.documents, frequencies.counts_V.sum()) == (3, 1)


def test_texts_are_streamed(tokenizer):
    class Text(str):
        """A string that can be referred to weakly."""

    alive = weakref.WeakSet()
    most = 0

    def stream():
        nonlocal most
        for number in range(60):
            text = Text(f"{number}번 출구")
            alive.add(text)
            most = max(most, len(alive))
            yield text

    assert count(tokenizer, stream(), batch_size=4).documents == 60
    # The batch before, the batch in the making, and what the two loops hold.
    assert most <= 4 + 4 + 2


def test_earlier_calls_with_truncation_and_padding_leave_no_trace(tokenizer):
    texts = ["서울에서 맛있는 식당을 추천해주세요", "부산"]
    expected = count(tokenizer, texts)
    tokenizer(texts, truncation=True, max_length=4, padding=True)
    found = count(tokenizer, texts)
    tokenizer(texts)  # takes the settings back, for the tests that follow
    np.testing.assert_array_equal(found.counts_V, expected.counts_V)
