"""What the stage stopwords writes and says, for a vocabulary that has the words and one that has none."""

from pathlib import Path

import pytest
from tiny_tokenizers import byte_level

from kosplade.params import load_params
from kosplade.paths import BACKBONE, MASK, STOPWORDS
from kosplade.stages import stopwords
from kosplade.vocab.pieces import stopword_ids
from kosplade.vocab.tables import load_mask

ROOT = Path(__file__).parents[2]


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    STOPWORDS.parent.mkdir()
    STOPWORDS.write_text("을 는 께 그리고\n", encoding="utf-8")

    def run(tokenizer) -> str:
        tokenizer.save_pretrained(BACKBONE)
        return stopwords.body(load_params(ROOT / "params.yaml"))

    return run


def test_the_mask_and_the_words_that_have_no_pieces(run, capsys):
    tokenizer = byte_level()
    closing = run(tokenizer)
    masked = load_mask(MASK, len(tokenizer)).nonzero().squeeze(1).tolist()
    assert masked == stopword_ids(["을", "는", "께", "그리고"], tokenizer)
    assert f"{len(masked)} of {len(tokenizer)} pieces masked, from 4 words" in closing
    assert "1 of 4 words have no pieces in this vocabulary and are not masked: 께\n" in capsys.readouterr().out


def test_words_with_pieces_need_no_line(run, capsys):
    STOPWORDS.write_text("을 는\n", encoding="utf-8")
    run(byte_level())
    assert capsys.readouterr().out == ""
