"""The 163 masked pieces of the real tokenizer, and what a piece is, whatever kind of vocabulary spells it."""

from pathlib import Path

import numpy as np
import pytest
from tiny_tokenizers import byte_level, unigram, wordpiece
from tokenizers import AddedToken

from kosplade.errors import UserError
from kosplade.vocab.pieces import (
    ascii_mask,
    begins_word,
    hangul_mask,
    piece_strings,
    piece_texts,
    read_stopwords,
    stopword_ids,
    stopword_pieces,
)

WORDS = Path(__file__).parents[2] / "data" / "stopwords_ko.txt"


@pytest.fixture(scope="module")
def masked(tokenizer) -> list[int]:
    return stopword_ids(read_stopwords(WORDS), tokenizer)


@pytest.fixture(scope="module")
def hangul(tokenizer):
    return hangul_mask(tokenizer)


def test_exactly_163_pieces_are_masked(masked, hangul, tokenizer):
    words = read_stopwords(WORDS)
    assert len(words) == len(set(words)) == 107
    assert all(stopword_pieces(words, tokenizer).values())
    assert len(masked) == 163
    assert masked == sorted(set(masked))
    assert hangul[masked].sum() == 133


def test_particles_endings_punctuation_and_special_pieces_are_masked(masked, tokenizer):
    pieces = set(tokenizer.convert_ids_to_tokens(masked))
    assert {"을", "를", "이", "가", "은", "는", "에서", "▁그리고", "▁이", "습니다", "하다"} <= pieces
    assert {"<s>", "</s>", "<pad>", "<unk>", "<mask>", "▁", ".", ",", "▁(", ")", "[", '"'} <= pieces
    assert not {"▁서울", "▁추천", "당", "▁식", "▁맛있는", "1", "▁the"} & pieces


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


def test_hangul_pieces(hangul, tokenizer):
    vocab = tokenizer.get_vocab()
    assert (hangul.dtype, len(hangul)) == (bool, 250_002)
    assert all(hangul[vocab[piece]] for piece in ("▁서울", "을", "ᄏᄏ", "ᄒ"))
    assert not any(hangul[vocab[piece]] for piece in ("▁the", "▁", ".", "<s>", "中国", "の"))
    pieces = piece_strings(tokenizer)
    assert pieces[vocab["▁서울"]] == "▁서울"
    assert begins_word(tokenizer).tolist() == [piece.startswith("▁") for piece in pieces]
    # 5,373 pieces have a whole syllable; the others are single letters.
    syllables = [any("가" <= c <= "힣" for c in piece) for piece in pieces]
    assert sum(syllables) == 5373
    assert hangul[syllables].all()


@pytest.mark.parametrize(
    ("make", "pieces", "texts", "starts"),
    [
        (unigram, ["▁은행", "을", "▁", "▁the", "에서"], [" 은행", "을", " ", " the", "에서"], [1, 0, 1, 1, 0]),
        (wordpiece, ["은행", "##을", "##에서", "the", "##a"], [" 은행", "을", "에서", " the", "a"], [1, 0, 0, 1, 0]),
        (byte_level, ["ĠìĿĢíĸī", "ìĿĦ", "Ġ", "a", "ìĿ"], [" 은행", "을", " ", "a", "\ufffd"], [1, 0, 1, 0, 0]),
    ],
)
def test_a_piece_is_what_it_decodes_to(make, pieces, texts, starts):
    tokenizer = make()
    ids = tokenizer.convert_tokens_to_ids(pieces)
    assert tokenizer.unk_token_id not in ids
    assert [piece_texts(tokenizer)[id_] for id_ in ids] == texts
    assert begins_word(tokenizer)[ids].tolist() == [bool(start) for start in starts]
    assert hangul_mask(tokenizer)[ids].tolist() == [any("가" <= c <= "힣" for c in text) for text in texts]
    assert ascii_mask(tokenizer)[ids].tolist() == [text.isascii() for text in texts]


@pytest.mark.parametrize(
    ("make", "texts"),
    [
        (unigram, {"을", "는", " 그리고"}),
        (wordpiece, {" 을", "을", " 는", "는", " 그리고"}),
        (byte_level, {"을", "는", "그리고", " 그리고"}),
    ],
)
def test_a_word_masks_its_piece_where_it_begins_a_word_and_where_it_continues_one(make, texts):
    tokenizer = make()
    of = piece_texts(tokenizer)
    words = set(stopword_ids(["을", "는", "그리고"], tokenizer)) - set(stopword_ids([], tokenizer))
    assert {of[id_] for id_ in words} == texts


@pytest.mark.parametrize("make", [unigram, wordpiece, byte_level])
def test_punctuation_the_blank_and_special_pieces_are_masked_in_every_kind(make):
    tokenizer = make()
    texts = [piece_texts(tokenizer)[id_].removeprefix(" ") for id_ in stopword_ids([], tokenizer)]
    assert {".", ",", "<s>", "<pad>", "</s>", "<unk>", "<mask>"} <= set(texts)
    assert set(texts) <= {*".,!?:;-'\"()[]", "", *tokenizer.all_special_tokens}
    # A part of a syllable never is.
    texts = np.array(piece_texts(tokenizer))
    assert not any("\ufffd" in text for text in texts[stopword_ids(read_stopwords(WORDS), tokenizer)])
    assert any("\ufffd" in text for text in texts) is (make is byte_level)


@pytest.mark.parametrize(
    ("tokenizer", "without"),
    [
        (unigram(), ["께", "매우"]),  # letters that are unknown
        (wordpiece(), ["께", "매우"]),
        (byte_level(), ["께", "매우"]),  # bytes alone
        (byte_level(["no Hangul at all"]), ["을", "께", "그리고", "매우"]),
    ],
)
def test_words_that_a_vocabulary_has_no_pieces_for(tokenizer, without):
    found = stopword_pieces(["을", "께", "그리고", "매우"], tokenizer)
    assert [word for word, ids in found.items() if not ids] == without


def test_a_vocabulary_of_letters_holds_syllables_too():
    tokenizer = wordpiece()
    tokenizer.add_tokens([AddedToken("\u110b\u1173\u11af", normalized=False)])  # 을 in three letters, NFD
    assert len(tokenizer) - 1 in stopword_ids(["을"], tokenizer)


def test_the_word_file_may_have_comments_and_repeats_and_must_have_words(tmp_path):
    path = tmp_path / "words.txt"
    with pytest.raises(UserError, match=rf"^{path} not found\. Restore it: "):
        read_stopwords(path)
    path.write_text("# 조사\n\n", encoding="utf-8")
    with pytest.raises(UserError, match=rf"^{path}: no words\. "):
        read_stopwords(path)
    path.write_text("# 조사\n이 가\n\n을 # 이 주석\n가 를\n", encoding="utf-8")
    assert read_stopwords(path) == ["이", "가", "을", "를"]
