"""Kiwi's morphemes: which are kept and in what form."""

import pytest
from tiny_tokenizers import byte_level, unigram, wordpiece

from kosplade.records.kiwi import Morphemes, functional_share


@pytest.fixture(scope="module")
def morphemes() -> Morphemes:
    return Morphemes()


def test_content_without_particles_endings_and_punctuation(morphemes):
    texts = ["은행에서 환불을 받았습니다.", "새 책이 매우 아름다웠다!"]
    assert morphemes(texts) == [["은행", "환불", "받"], ["새", "책", "매우", "아름답"]]


def test_inflected_forms_meet_in_their_stem(morphemes):
    found = morphemes(["결제를 취소했다", "결제가 취소되면", "결제 취소"])
    assert all(words[:2] == ["결제", "취소"] for words in found)


def test_foreign_words_numbers_and_characters_are_lower_cased(morphemes):
    assert morphemes(["API 키를 24개 만든 學校"]) == [["api", "키", "24", "개", "만들", "學校"]]


def test_texts_without_content_are_empty(morphemes):
    assert morphemes(["", "  ", "?!", "환불"]) == [[], [], [], ["환불"]]
    assert morphemes([]) == []


def test_grammar_is_told_from_topics(morphemes):
    assert morphemes.topical(["제가 먹을 것이 있을 수 있다", "식당에 갔다"]) == [["먹"], ["식당", "가"]]
    marks, empty = morphemes.functional_characters(["식당에서 밥을 했다", ""])
    # 식당 and 밥 are topics; 에서, 을 and the light verb with its endings are grammar; blanks are neither.
    assert marks.tolist() == [-1, -1, 1, 1, 0, -1, 1, 0, 1, 1]
    assert empty.tolist() == []


@pytest.mark.parametrize("make", [unigram, wordpiece, byte_level])
def test_the_share_of_a_piece_counts_its_occurrences(make):
    tokenizer = make()
    texts = ["우리가 결재를 한다", "", "the"] * 2
    share_V = functional_share(texts, tokenizer, "test")
    assert share_V.dtype == "float32"
    assert share_V.shape == (len(tokenizer),)
    assert 0 <= share_V.min() <= share_V.max() <= 1
    ids = set(tokenizer(texts[0], add_special_tokens=False)["input_ids"])
    assert (share_V[[id_ for id_ in range(len(tokenizer)) if id_ not in ids]] == 0).all()


def test_shares_by_hand():
    tokenizer = unigram(**{"▁식당": -4.0, "에서": -4.0, "▁밥": -4.0, "을": -4.0, "▁을": -6.0})
    share_V = functional_share(["식당에서 밥을", "밥을 식당에서 을"], tokenizer, "test")
    pieces = {piece: share_V[tokenizer.convert_tokens_to_ids(piece)] for piece in ("▁식당", "에서", "▁밥", "을")}
    assert pieces == {"▁식당": 0.0, "에서": 1.0, "▁밥": 0.0, "을": 1.0}
