"""Stage `idf`: BM25 IDF of every piece, over the training documents, a user's collection and Korean at large."""

from collections.abc import Iterator
from functools import partial

from kosplade.console import run_stage
from kosplade.params import Params
from kosplade.paths import BACKBONE, COLLECTION, IDF, TRIPLETS
from kosplade.records.arrow import open_triplets
from kosplade.records.inputs import Source, find_sources, read_texts
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


def collection_documents(sources: list[Source], start: int, stop: int) -> Iterator[str]:
    """Documents of a range of files of data/collection. Raises UserError, with `file:line`, for what is none."""
    return (text for source in sources[start:stop] for text in read_texts(source))


def collection_sources() -> list[Source]:
    """The files of data/collection. Raises UserError for one that is not of a kind that is read."""
    files = (file for file in sorted(COLLECTION.rglob("*")) if file.is_file() and not file.name.startswith("."))
    return find_sources(str(file) for file in files if file.name != "README.md" and file.suffix != ".dvc")


def body(params: Params) -> str:
    tokenizer = load_tokenizer(BACKBONE)
    # Without idf_weighting nothing reads the values, and V24 trains with any tokenizer.
    prior = params.loss.idf_prior if params.loss.idf_weighting else 0
    probability_V = unigram_probabilities(tokenizer) if prior else None  # refuses another tokenizer before it counts
    total = len(open_triplets(TRIPLETS))
    sources = collection_sources()
    settings = (BACKBONE, params.machine.idf_batch_size, params.machine.idf_processes)
    counted = used = count_shards(documents, total, *settings)
    if sources:
        used += count_shards(partial(collection_documents, sources), len(sources), *settings, unit="file")
    added = f", {used.documents - counted.documents} more of {COLLECTION}" if sources else ""
    if prior:
        pseudo = pseudo_documents(probability_V, hangul_mask(tokenizer), used, prior)
        used += pseudo
        added += f", {pseudo.documents} added by loss.idf_prior"
    # The tags of every text of a large collection would take hours, and a share settles soon.
    functional_V = functional_share(sampled_documents(total), tokenizer, "idf: tags")
    save_idf(IDF, counted, used, functional_V)
    seen = int((counted.counts_V > 0).sum())
    return f"{IDF}: {counted.documents} documents{added}, {seen} of {len(tokenizer)} pieces occur"


def main() -> None:
    run_stage("idf", body)


if __name__ == "__main__":
    main()
