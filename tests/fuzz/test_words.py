"""The word list of the stopword mask, and the functions that every text goes through."""

from fuzz.cases import case, outcome, share
from fuzz.lines import nfc
from fuzz.texts import SEEN, UNSEEN, any_texts, damaged
from hypothesis import given
from hypothesis import strategies as st

from kosplade.files import is_blank
from kosplade.records.text import clean, is_prose, normalised, passages, sentences, shingles, text_id
from kosplade.vocab.pieces import read_stopwords

WORD = [piece.strip() for piece in SEEN if "#" not in piece and not any(map(is_blank, piece.strip()))]
BETWEEN = [" ", "\t", "\n", "\r\n", "\u3000", "\u00a0", "\n# 주석\n", " # 가\n", "#\n", "\n\n"]
HIDING = [piece for piece in UNSEEN if not piece.isspace()]
words = st.lists(st.sampled_from(WORD), min_size=1, max_size=3).map("".join)


@share(6)
@given(
    found=st.lists(st.tuples(words, st.sampled_from(BETWEEN)), max_size=8),
    mark=st.sampled_from(["", "\ufeff"]),
    hidden=st.none() | st.tuples(st.integers(0, 7), st.sampled_from(HIDING)),
)
def test_every_word_of_a_list_is_read_or_named(folder, found, mark, hidden):
    path = folder / "stopwords.txt"
    if hidden and hidden[0] < len(found):
        word, after = found[hidden[0]]
        found = [*found[: hidden[0]], (word + hidden[1], after), *found[hidden[0] + 1 :]]
    text = "".join(word + after for word, after in found)
    path.write_bytes((mark + text).encode())
    with case("word lists"):
        read, message = outcome(lambda: read_stopwords(path))
        if hidden and any(hidden[1] in word for word, _ in found):
            line = next(n for n, one in enumerate(text.split("\n"), start=1) if hidden[1] in one)
            assert message.startswith(f"{path}:{line}: ")
        elif not found:
            assert message == f"{path}: no words. Put one word a line."
        else:
            assert (read, message) == (list(dict.fromkeys(nfc(word) for word, _ in found)), None)


@share(3)
@given(data=st.data())
def test_a_damaged_word_list(folder, data):
    path = folder / "damaged.txt"
    path.write_bytes(data.draw(damaged("가\n나 다 # 주석\n라마\n".encode())))
    with case("damaged word lists"):
        read, message = outcome(lambda: read_stopwords(path))
        assert message.startswith(f"{path}:") if message else all(clean(word) == word for word in read)


runs = st.tuples(st.sampled_from([*SEEN, *UNSEEN, "!?", '."', "다.", "|", "1."]), st.integers(1, 400)).map(
    lambda pair: pair[0] * pair[1]
)


@share(6)
@given(text=st.lists(any_texts | runs, max_size=4).map("".join), longest=st.integers(1, 300))
def test_what_every_text_goes_through(text, longest):
    with case("texts"):
        tidy = clean(text)
        assert tidy == clean(tidy)
        assert text_id(text) == text_id(tidy)
        assert len(text_id(text)) == 16
        found = list(sentences(text))
        assert all(sentence == sentence.strip() and sentence for sentence in found)
        assert "".join("".join(found).split()) == "".join(tidy.split())
        cut = passages(text, longest)
        assert all(0 < len(passage) <= longest for passage in cut)
        kept = [sentence for sentence in found if len(sentence) <= longest]
        assert " ".join(cut) == " ".join(kept)
        assert shingles(text)
        assert normalised(text).isalnum() or not normalised(text)
        assert is_prose(text) in (True, False)


def test_a_line_of_marks_takes_no_square_of_its_length():
    with case("texts"):
        for mark in (".", "!?", '."', "….", "가.", "|", "다. "):
            text = mark * (1_000_000 // len(mark))
            assert "".join(sentences(text)).replace(" ", "") == text.replace(" ", "")
