"""Stage `idf`: BM25 IDF of every piece over the training documents."""

from collections.abc import Iterator
from pathlib import Path

from kosplade.console import run_stage
from kosplade.params import Params
from kosplade.records.arrow import open_triplets
from kosplade.vocab.idf import count_shards
from kosplade.vocab.tables import save_idf

TRIPLETS = Path("data/train.arrow")
BACKBONE = Path("data/backbone")
IDF = Path("outputs/idf_weights/xlmr_v25_idf.pt")


def documents(start: int, stop: int) -> Iterator[str]:
    """Positives of a range of the training records; each process that counts maps the file itself."""
    triplets = open_triplets(TRIPLETS)
    return (triplets[number].positive for number in range(start, stop))


def body(params: Params) -> str:
    total = len(open_triplets(TRIPLETS))
    frequencies = count_shards(documents, total, BACKBONE, params.idf.batch_size, params.idf.processes)
    save_idf(IDF, frequencies)
    seen = int((frequencies.counts_V > 0).sum())
    return f"{IDF}: {frequencies.documents} documents, {seen} of {len(frequencies.counts_V)} pieces occur"


def main() -> None:
    run_stage("idf", body)


if __name__ == "__main__":
    main()
