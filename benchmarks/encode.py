"""Encoding a collection: documents a second by each way, memory. `PYTHONPATH=src python benchmarks/encode.py speed`.

    speed     documents of 20 to 512 pieces, made of passages of a BEIR folder: in one process (the peer of all others),
              by two actors of Ray with half of the threads each, in bfloat16, on every piece of the vocabulary as a
              plain export gives them, and by --variant (as an int8 one)
    memory    the peak of one process over more and more short documents, with a random model of 16 dimensions that
              costs next to nothing: what is left is what the program itself keeps

Each is the command `python -m kosplade.tools.encode` in a process of its own. A second is counted from the first shard
that is written to the last, so that starting does not count; an encoding of every piece has no command and is timed as
a call.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path

import pyarrow.parquet as pq
import torch
from transformers import AutoConfig, AutoModelForMaskedLM

import measure
from kosplade.files import write_json
from kosplade.retrieval.beir import read_documents
from kosplade.retrieval.results import format_table
from kosplade.retrieval.served import load_export
from kosplade.vocab.tokenizer import load_tokenizer

SHORTEST, LONGEST = 20, 512  # pieces of a document
PEER = "one process"
MEMORY_DOCUMENTS = (10_000, 100_000, 1_000_000)


def mixed_texts(corpus: Path, tokenizer_folder: Path, count: int) -> Iterator[str]:
    """Texts of as many pieces as are drawn, each of passages one behind the other and cut."""
    draw, tokenizer = random.Random(0), load_tokenizer(tokenizer_folder)
    passages = [document.whole for document in read_documents(corpus)]
    pieces = dict(zip(passages, tokenizer(passages)["input_ids"], strict=True))
    for _ in range(count):
        wanted, ids = draw.randint(SHORTEST, LONGEST) - 2, []
        while len(ids) < wanted:
            ids += pieces[draw.choice(passages)][1:-1]
        yield tokenizer.decode(ids[:wanted])


def write_texts(file: Path, texts: Iterator[str]) -> Path:
    """A JSONL file of them."""
    with file.open("w") as out:
        out.writelines(json.dumps({"_id": str(n), "text": text}) + "\n" for n, text in enumerate(texts))
    return file


def run(model: Path, texts: Path, output: Path, *options: object) -> None:
    """The command; what it says goes to stderr."""
    command = [sys.executable, "-m", "kosplade.tools.encode", "--model", model, "--input", texts, "--output", output]
    subprocess.run([*map(str, command), *map(str, options)], check=True, stdout=sys.stderr)


def speed(folder: Path, actors: int = 1) -> float:
    """Documents a second from the first shard of every actor to the last shard."""
    shards = sorted((file.stat().st_mtime, pq.read_metadata(file).num_rows) for file in folder.glob("*.parquet"))
    begun = shards[actors - 1][0]
    return sum(rows for _, rows in shards[actors:]) / (shards[-1][0] - begun)


def speeds(options: argparse.Namespace, place: Path) -> list[dict[str, object]]:
    """One row for each way."""
    texts = write_texts(place / "mixed.jsonl", mixed_texts(options.corpus, options.model, options.documents))
    lines = ("--shard-lines", max(1, options.documents // 16))
    threads = max(1, (os.cpu_count() or 2) // 2)
    ways = {
        PEER: (options.model, ()),
        "two actors of Ray": (options.model, ("--ray", "--actors", 2, "--threads", threads)),
        "bfloat16": (options.model, ("--dtype", "bfloat16")),
    }
    if options.variant:
        ways[options.variant.name] = (options.variant, ())
    figures = {}
    for number, (way, (model, more)) in enumerate(ways.items()):
        run(model, texts, place / str(number), *lines, *more)
        figures[way] = speed(place / str(number), 2 if "--ray" in more else 1)
    model = load_export(options.model, max_query_length=LONGEST, max_document_length=LONGEST)
    some = [document.whole for document in read_documents(texts)][:: max(1, options.documents // 64)]
    started = time.perf_counter()
    model.raw(some, "document", "every piece")
    figures["every piece"] = len(some) / (time.perf_counter() - started)
    return [{"way": way, "documents/s": figure, "ratio": figure / figures[PEER]} for way, figure in figures.items()]


def write_small(model: Path, folder: Path) -> Path:
    """The export with a random model of 16 dimensions in it, whose documents are their own pieces."""
    config = AutoConfig.from_pretrained(model)
    config.update({"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 1})
    small = AutoModelForMaskedLM.from_config(config)
    torch.nn.init.constant_(small.get_output_embeddings().bias, -9.0)
    small.save_pretrained(folder)
    for name in ("idf.json", "expandable.json", "tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(model / name, folder / name)
    return folder


def memory(options: argparse.Namespace, place: Path) -> list[dict[str, object]]:
    """One row for each number of documents."""
    small, rows = write_small(options.model, place / "small"), []
    texts = [document.text[:40] for document in read_documents(options.corpus)]
    for count in options.memory_documents:
        file = write_texts(place / f"{count}.jsonl", islice(cycle(texts), count))
        command = ["-m", "kosplade.tools.encode", "--model", small, "--input", file, "--output", place / f"of{count}"]
        child = subprocess.Popen([sys.executable, *map(str, command)], stdout=sys.stderr)
        peak = 0.0
        while child.poll() is None:
            peak = max(peak, measure.resident_peak_gib(child.pid))
            time.sleep(measure.POLL_SECONDS)
        if child.returncode:
            sys.exit(child.returncode)
        rows.append({"documents": count, "peak GiB": peak})
    return rows


MEASURES = {"speed": speeds, "memory": memory}


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.split(":")[0])
    parser.add_argument("measure", choices=MEASURES)
    parser.add_argument("--model", type=Path, default=Path("huggingface/v25/best"), metavar="DIR")
    parser.add_argument("--variant", type=Path, metavar="DIR", help="another form of it, for a row of its own")
    parser.add_argument("--corpus", type=Path, default=Path("data/prepared/corpus.jsonl"), metavar="JSONL")
    parser.add_argument("--documents", type=int, default=1600, metavar="N", help="of the speeds (default: 1600)")
    parser.add_argument("--memory-documents", type=int, nargs="+", default=MEMORY_DOCUMENTS, metavar="N")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        rows = MEASURES[options.measure](options, Path(place))
    print(format_table(rows, list(rows[0])))
    if options.json:
        write_json(options.json, rows)


if __name__ == "__main__":
    main()
