"""Kiwi's morphemes: which are kept and in what form."""

import pytest

from kosplade.records.kiwi import Morphemes


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
