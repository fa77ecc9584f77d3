"""Documents a second of the IDF count beside a plain loop: `PYTHONPATH=src python benchmarks/idf.py --documents 20000`.

Texts are those of data/prepared/corpus.jsonl, repeated up to the count. The plain loop calls the tokenizer text by text
and applies the formula piece by piece. Processes are timed from their start, loading the tokenizer included.
Repetition favours the count, which tokenises a word once; with no more documents than the corpus has nothing repeats.
"""

import argparse
import itertools
import math
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
from tqdm import tqdm
from transformers import PreTrainedTokenizerBase

from kosplade.errors import UserError
from kosplade.files import write_json
from kosplade.records.jsonl import read_jsonl
from kosplade.retrieval.results import format_table
from kosplade.vocab.frequencies import DocumentFrequencies, count_documents, count_shards
from kosplade.vocab.tokenizer import load_tokenizer

CORPUS = Path("data/prepared/corpus.jsonl")
BACKBONE = Path("data/backbone")
BATCH = 1024
GOAL = 100_000  # documents that the guide counts in about 5 minutes


def corpus(start: int, stop: int) -> Iterator[str]:
    """Texts `start` to `stop` of the corpus repeated without end."""
    texts = [row["text"] for row in read_jsonl(CORPUS, ("text",))]
    return itertools.islice(itertools.cycle(texts), start, stop)


def plain_loop(texts: Iterable[str], tokenizer: PreTrainedTokenizerBase, total: int) -> DocumentFrequencies:
    """What one would write first; returns its counts, so that they can be compared."""
    seen: Counter[int] = Counter()
    for text in tqdm(texts, desc="plain loop", total=total, unit="text", mininterval=1):
        seen.update(set(tokenizer(text, add_special_tokens=False)["input_ids"]))
    [math.log(1 + (total - seen[piece] + 0.5) / (seen[piece] + 0.5)) for piece in range(len(tokenizer))]
    return DocumentFrequencies(np.array([seen[piece] for piece in range(len(tokenizer))]), total)


def timed(count: Callable[[], DocumentFrequencies]) -> tuple[float, DocumentFrequencies]:
    """Seconds until the IDF is there, and the counts."""
    started = time.perf_counter()
    frequencies = count()
    frequencies.idf()
    return time.perf_counter() - started, frequencies


def main(documents: int, file: Path | None) -> None:
    """Measure, compare, print the table, write the JSON."""
    if not CORPUS.exists():
        raise UserError(f"{CORPUS} not found. Run: dvc repro prepare")
    tokenizer = load_tokenizer(BACKBONE)
    count_documents(corpus(0, min(documents, BATCH)), tokenizer, BATCH, "warm up")
    ways = {
        "plain loop": lambda: plain_loop(corpus(0, documents), tokenizer, documents),
        "count_documents": lambda: count_documents(corpus(0, documents), tokenizer, BATCH, total=documents),
        "count_shards, 2 processes": lambda: count_shards(corpus, documents, BACKBONE, BATCH, 2),
    }
    rows, counted = [], []
    for way, count in ways.items():
        seconds, frequencies = timed(count)
        counted.append(frequencies)
        rows.append({"way": way, "seconds": seconds, "documents/s": round(documents / seconds)})
        rows[-1]["times the plain loop"] = rows[0]["seconds"] / seconds
        rows[-1][f"seconds for {GOAL:,}"] = seconds * GOAL / documents
    if any((one.counts_V != counted[0].counts_V).any() or one.documents != documents for one in counted):
        raise UserError("the ways differ in their counts: a fault. Run: python -m pytest tests/vocab/test_idf.py")
    load = round(os.getloadavg()[0], 2)
    print(f"\n{documents:,} documents, {os.cpu_count()} cores, load average of the last minute {load}; equal counts")
    print(f"seconds for {GOAL:,} documents are {'measured' if documents == GOAL else 'extrapolated'}\n")
    print(format_table(rows, list(rows[0])))
    if file:
        write_json(file, {"documents": documents, "cores": os.cpu_count(), "load": load, "ways": rows})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--documents", type=int, default=20_000)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    try:
        main(arguments.documents, arguments.json)
    except UserError as error:
        sys.exit(f"Error: {error}")
