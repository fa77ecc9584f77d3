"""In how many documents of the same inputs each piece occurs, in this process or on Ray: the same to the bit."""

import operator
from collections.abc import Sequence
from functools import reduce
from pathlib import Path

from kosplade.console import say
from kosplade.errors import UserError
from kosplade.records.inputs import Source, read_texts
from kosplade.tools.encode.running import ray_cluster
from kosplade.vocab.frequencies import DocumentFrequencies, count_documents
from kosplade.vocab.tokenizer import load_tokenizer

_AT_ONCE = 1024  # texts


def count_sources(sources: Sequence[Source], tokenizer: Path, address: str | None = None) -> DocumentFrequencies:
    """Count the pieces of all documents with the tokenizer of a folder; a line says how many lines are none.

    With `address` on that cluster of Ray ("": one on this machine), each source in a process of its own. UserError for
    inputs without documents.
    """
    if address is None:
        counted = [_count(source, tokenizer) for source in sources]
    else:
        with ray_cluster(address or None) as ray:
            count = ray.remote(_count)
            counted = ray.get([count.remote(source, tokenizer) for source in sources])
    total = reduce(operator.add, (frequencies for frequencies, _ in counted))
    rejected = [error for _, errors in counted for error in errors]
    if rejected:
        say("count", f"{len(rejected)} lines are no documents and are not counted, the first: {rejected[0]}")
    if not total.documents:
        raise UserError(f"{sources[0].place}: no documents. Put one JSON object a line: _id, text and title if any.")
    return total


def _count(source: Source, tokenizer: Path) -> tuple[DocumentFrequencies, list[str]]:
    rejected: list[str] = []
    texts = read_texts(source, rejected)
    return count_documents(texts, load_tokenizer(tokenizer), _AT_ONCE, f"count {source.place}"), rejected
