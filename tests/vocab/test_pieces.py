"""The 163 masked pieces of the real tokenizer, and what a piece is made of."""

from pathlib import Path

import pytest

from kosplade.errors import UserError
from kosplade.vocab.pieces import (
    ascii_mask,
    hangul_mask,
    piece_strings,
    read_stopwords,
    special_ids,
    stopword_ids,
)

WORDS = Path(__file__).parents[2] / "data" / "stopwords_ko.txt"


@pytest.fixture(scope="module")
def masked(tokenizer) -> list[int]:
    return stopword_ids(read_stopwords(WORDS), tokenizer)


@pytest.fixture(scope="module")
def hangul(tokenizer):
    return hangul_mask(tokenizer)


def test_there_are_107_words(tokenizer):
    words = read_stopwords(WORDS)
    assert len(words) == len(set(words)) == 107
    assert (words[0], words[-1]) == ("이", "어떻게")


def test_exactly_163_pieces_are_masked(masked, hangul):
    assert len(masked) == 163
    assert masked == sorted(set(masked))
    assert hangul[masked].sum() == 133


def test_particles_endings_punctuation_and_special_pieces_are_masked(masked, tokenizer):
    pieces = set(tokenizer.convert_ids_to_tokens(masked))
    assert {"을", "를", "이", "가", "은", "는", "에서", "▁그리고", "▁이", "습니다", "하다"} <= pieces
    assert {"<s>", "</s>", "<pad>", "<unk>", "<mask>", "▁", ".", ",", "▁(", ")", "[", '"'} <= pieces


@pytest.mark.parametrize("piece", ["▁서울", "▁추천", "당", "▁식", "▁맛있는", "1", "▁the"])
def test_pieces_that_carry_meaning_are_not(masked, tokenizer, piece):
    assert tokenizer.convert_tokens_to_ids(piece) not in masked


def test_a_word_masks_its_pieces_with_and_without_the_blank(tokenizer):
    def added(word):
        return set(tokenizer.convert_ids_to_tokens(stopword_ids([word], tokenizer))) - set(
            tokenizer.convert_ids_to_tokens(stopword_ids([], tokenizer))
        )

    assert tokenizer.tokenize("에서부터") == ["▁", "에서", "부터"]
    assert added("에서부터") == {"에서", "부터"}
    # Written alone it is ▁그; the entry 그, which continues a word, is masked as well.
    assert tokenizer.tokenize("그") == ["▁그"]
    assert added("그") == {"▁그", "그"}


def test_no_word_leaves_special_pieces_and_punctuation(tokenizer):
    pieces = tokenizer.convert_ids_to_tokens(stopword_ids([], tokenizer))
    assert len(pieces) == 30
    assert {piece.removeprefix("▁") for piece in pieces} == {
        *"".join(".,!?:;-'\"()[]"),
        "",
        *tokenizer.all_special_tokens,
    }


def test_special_ids(tokenizer):
    assert special_ids(tokenizer) == [0, 1, 2, 3, 250_001]


def test_hangul_pieces(hangul, tokenizer):
    vocab = tokenizer.get_vocab()
    assert (hangul.dtype, len(hangul)) == (bool, 250_002)
    assert all(hangul[vocab[piece]] for piece in ("▁서울", "을", "ᄏᄏ", "ᄒ"))
    assert not any(hangul[vocab[piece]] for piece in ("▁the", "▁", ".", "<s>", "中国", "の"))
    # 5,373 pieces have a whole syllable; the others are single letters.
    syllables = [any("가" <= c <= "힣" for c in piece) for piece in piece_strings(tokenizer)]
    assert sum(syllables) == 5373
    assert hangul[syllables].all()


def test_ascii_pieces(tokenizer):
    ascii_V = ascii_mask(tokenizer)
    vocab = tokenizer.get_vocab()
    assert all(ascii_V[vocab[piece]] for piece in ("▁the", "▁", ".", "<s>", "2"))
    assert not any(ascii_V[vocab[piece]] for piece in ("▁서울", "を", "é"))


def test_pieces_are_in_id_order(tokenizer):
    pieces = piece_strings(tokenizer)
    assert pieces[:4] == ["<s>", "<pad>", "</s>", "<unk>"]
    assert pieces[tokenizer.get_vocab()["▁서울"]] == "▁서울"


def test_comments_and_repeats_in_the_word_file(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("# 조사\n이 가\n\n을 # 이 주석\n가 를\n", encoding="utf-8")
    assert read_stopwords(path) == ["이", "가", "을", "를"]


def test_a_word_file_without_words(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("# 조사\n\n", encoding="utf-8")
    with pytest.raises(UserError) as error:
        read_stopwords(path)
    assert str(error.value) == f"{path}: no words. Put one word a line."


def test_a_missing_word_file(tmp_path):
    path = tmp_path / "words.txt"
    with pytest.raises(UserError) as error:
        read_stopwords(path)
    assert str(error.value) == f"{path} not found. Restore it: git checkout {path}"
