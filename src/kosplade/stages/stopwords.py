"""Stage `stopwords`: the mask of the pieces of data/stopwords_ko.txt."""

import numpy as np

from kosplade.console import run_stage, say
from kosplade.params import Params
from kosplade.paths import BACKBONE, MASK, STOPWORDS
from kosplade.vocab.pieces import read_stopwords, stopword_ids, stopword_pieces
from kosplade.vocab.tables import save_mask
from kosplade.vocab.tokenizer import load_tokenizer

SHOWN = 5  # words that a line names


def body(params: Params) -> str:
    tokenizer = load_tokenizer(BACKBONE)
    words = read_stopwords(STOPWORDS)
    if lost := [word for word, ids in stopword_pieces(words, tokenizer).items() if not ids]:
        shown = ", ".join(lost[:SHOWN]) + ", ..." * (len(lost) > SHOWN)
        count = f"{len(lost)} of {len(words)} words"
        say("stopwords", f"{count} have no pieces in this vocabulary and are not masked: {shown}")
    mask_V = np.zeros(len(tokenizer), dtype=bool)
    mask_V[stopword_ids(words, tokenizer)] = True
    save_mask(MASK, mask_V)
    return f"{MASK}: {int(mask_V.sum())} of {len(tokenizer)} pieces masked, from {len(words)} words"


def main() -> None:
    run_stage("stopwords", body)


if __name__ == "__main__":
    main()
