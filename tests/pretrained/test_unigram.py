"""The rebuilt XLM-RoBERTa tokenizer."""

import pytest

from kosplade.pretrained.unigram import nmt_nfkc_charsmap

SENTENCE = "서울에서 맛있는 식당을 추천해주세요"


def test_special_pieces_stand_around_a_text(tokenizer):
    assert tokenizer.tokenize(SENTENCE) == ["▁서울", "에서", "▁맛있는", "▁식", "당", "을", "▁추천", "해주세요"]
    ids = tokenizer(SENTENCE)["input_ids"]
    assert (ids[0], ids[-1], len(ids)) == (tokenizer.bos_token_id, tokenizer.eos_token_id, 10)
    assert tokenizer(SENTENCE, add_special_tokens=False)["input_ids"] == ids[1:-1]
    assert tokenizer("서울", "부산")["input_ids"] == [0, *ids[1:2], 2, 2, *tokenizer("부산")["input_ids"][1:]]


def test_ids_of_the_special_pieces(tokenizer):
    assert len(tokenizer) == 250_002
    ids = {role: tokenizer.convert_tokens_to_ids(piece) for role, piece in tokenizer.special_tokens_map.items()}
    assert ids == {
        "bos_token": 0,
        "cls_token": 0,
        "pad_token": 1,
        "eos_token": 2,
        "sep_token": 2,
        "unk_token": 3,
        "mask_token": 250_001,
    }
    assert tokenizer("서울 <mask>")["input_ids"][-2] == 250_001


@pytest.mark.parametrize(
    "variant",
    [
        "  서울에서   맛있는\t식당을\n추천해주세요 ",
        "서울에서　맛있는　식당을　추천해주세요",  # ideographic blanks
        "서울에서\u200b맛있는\u00a0식당을\ufeff추천해주세요",  # of no width, not to be broken
    ],
)
def test_any_blank_is_a_blank(tokenizer, variant):
    assert tokenizer(variant)["input_ids"] == tokenizer(SENTENCE)["input_ids"]


def test_full_width_letters_are_plain_ones(tokenizer):
    assert tokenizer.tokenize("ＫＴＸ １２") == tokenizer.tokenize("KTX 12")


def test_an_unknown_character(tokenizer):
    assert 3 in tokenizer("\U00013000")["input_ids"]  # a hieroglyph
    assert 3 not in tokenizer(SENTENCE)["input_ids"]


@pytest.mark.parametrize("text", [SENTENCE, "Seoul의 KTX 12번 출구, é"])
def test_text_comes_back(tokenizer, text):
    assert tokenizer.decode(tokenizer(text)["input_ids"], skip_special_tokens=True) == text


def test_the_normalisation_table_is_that_of_the_pretrained_model():
    assert len(nmt_nfkc_charsmap()) == 240_007
