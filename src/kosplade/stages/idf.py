"""Stage `idf`: BM25 IDF of every piece over the training documents, and smoothed by Korean at large."""

from collections.abc import Iterator

from kosplade.console import run_stage
from kosplade.params import Params
from kosplade.paths import BACKBONE, IDF, TRIPLETS
from kosplade.records.arrow import open_triplets
from kosplade.records.kiwi import functional_share
from kosplade.vocab.frequencies import count_shards
from kosplade.vocab.pieces import hangul_mask
from kosplade.vocab.prior import pseudo_documents, unigram_probabilities
from kosplade.vocab.tables import save_idf
from kosplade.vocab.tokenizer import load_tokenizer

TAGGED, TAGGED_CHARACTERS = 20_000, 2_000  # documents that Kiwi reads, and of each the beginning


def documents(start: int, stop: int) -> Iterator[str]:
    """Positives of a range of the training records; each process that counts maps the file itself."""
    triplets = open_triplets(TRIPLETS)
    return (triplets[number].positive for number in range(start, stop))


def sampled_documents(total: int) -> list[str]:
    """Beginnings of at most TAGGED distinct positives, spread over all the records."""
    triplets = open_triplets(TRIPLETS)
    numbers = range(0, total, -(-total // TAGGED))
    return list(dict.fromkeys(triplets[number].positive[:TAGGED_CHARACTERS] for number in numbers))


def body(params: Params) -> str:
    tokenizer = load_tokenizer(BACKBONE)
    # Without idf_weighting nothing reads the values, and V24 trains with any tokenizer.
    prior = params.loss.idf_prior if params.loss.idf_weighting else 0
    probability_V = unigram_probabilities(tokenizer) if prior else None  # refuses another tokenizer before it counts
    total = len(open_triplets(TRIPLETS))
    counted = used = count_shards(
        documents, total, BACKBONE, params.machine.idf_batch_size, params.machine.idf_processes
    )
    if prior:
        used = counted + pseudo_documents(probability_V, hangul_mask(tokenizer), counted, prior)
    # The tags of every text of a large collection would take hours, and a share settles soon.
    functional_V = functional_share(sampled_documents(total), tokenizer, "idf: tags")
    save_idf(IDF, counted, used, functional_V)
    seen = int((counted.counts_V > 0).sum())
    added = f", {used.documents - counted.documents} added by loss.idf_prior" if prior else ""
    return f"{IDF}: {counted.documents} documents{added}, {seen} of {len(tokenizer)} pieces occur"


def main() -> None:
    run_stage("idf", body)


if __name__ == "__main__":
    main()
