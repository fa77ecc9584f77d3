"""Stage `idf`: BM25 IDF of every piece over the training documents."""

from pathlib import Path

from kosplade.corpus.records import read_training
from kosplade.params import Params
from kosplade.stages import run_stage
from kosplade.vocab.idf import count_documents
from kosplade.vocab.tables import save_idf
from kosplade.vocab.tokenizer import load_tokenizer

DATA = Path("data/v24.0")
BACKBONE = Path("data/backbone")
IDF = Path("outputs/idf_weights/xlmr_v25_idf.pt")


def body(params: Params) -> str:
    tokenizer = load_tokenizer(BACKBONE)
    documents = (record.positive for record in read_training(DATA))
    frequencies = count_documents(documents, tokenizer, params.idf.batch_size)
    save_idf(IDF, frequencies)
    seen = int((frequencies.counts_V > 0).sum())
    return f"{IDF}: {frequencies.documents} documents, {seen} of {len(tokenizer)} pieces occur"


def main() -> None:
    run_stage("idf", body)


if __name__ == "__main__":
    main()
