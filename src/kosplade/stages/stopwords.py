"""Stage `stopwords`: the mask of the pieces of data/stopwords_ko.txt."""

from pathlib import Path

import numpy as np

from kosplade.console import run_stage
from kosplade.params import Params
from kosplade.vocab.pieces import read_stopwords, stopword_ids
from kosplade.vocab.tables import save_mask
from kosplade.vocab.tokenizer import load_tokenizer

WORDS = Path("data/stopwords_ko.txt")
BACKBONE = Path("data/backbone")
MASK = Path("outputs/idf_weights/xlmr_stopword_mask.pt")


def body(params: Params) -> str:
    tokenizer = load_tokenizer(BACKBONE)
    words = read_stopwords(WORDS)
    mask_V = np.zeros(len(tokenizer), dtype=bool)
    mask_V[stopword_ids(words, tokenizer)] = True
    save_mask(MASK, mask_V)
    return f"{MASK}: {int(mask_V.sum())} of {len(tokenizer)} pieces masked, from {len(words)} words"


def main() -> None:
    run_stage("stopwords", body)


if __name__ == "__main__":
    main()
