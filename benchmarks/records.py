"""Training records larger than memory: `PYTHONPATH=src python benchmarks/records.py --json records.json`.

Writes N generated records and, beside them, N / 10, and reads random batches of each in a fresh process. Lengths are
those of questions and passages: a query has 10 to 30 random syllables, its positive and its negative 75 to 225. A file
leaves the page cache before it is read, so the first reads come from the disk. Anonymous memory is what the process
holds; mapped memory is the part of its files that is in the page cache now, which the kernel takes back when it needs
it (the libraries themselves are in both).
"""

import argparse
import os
import re
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from tqdm import tqdm

from kosplade.files import write_json
from kosplade.records.arrow import open_triplets, write_triplets
from kosplade.records.record import Record
from kosplade.retrieval.results import format_table
from kosplade.training.batches import RecordDataset

BLOCK = 4096  # records generated at once
SHORTEST = (10, 75, 75)  # syllables of a query, its positive, its negative
LONGEST = (30, 225, 225)
BATCH = 16
MEMORY = {"anonymous": "RssAnon", "mapped": "RssFile"}  # in /proc/self/status


def generate(count: int) -> Iterator[Record]:
    """`count` records of random syllables, the same at every call."""
    rng = np.random.default_rng(0)
    for start in range(0, count, BLOCK):
        lengths = rng.integers(SHORTEST, LONGEST, (min(BLOCK, count - start), 3), endpoint=True)
        syllables = rng.integers(ord("가"), ord("힣"), lengths.sum(), dtype="<u2", endpoint=True)
        text = syllables.tobytes().decode("utf-16-le")
        texts = iter([text[a:b] for a, b in pairwise([0, *lengths.cumsum().tolist()])])
        for query, positive, negative in zip(texts, texts, texts, strict=True):
            yield Record(query, positive, (negative,), "generated")


def memory() -> dict[str, int]:
    """MiB of this process: anonymous, and mapped from files."""
    status = Path("/proc/self/status").read_text()
    return {name: int(re.search(rf"{key}:\s+(\d+) kB", status)[1]) >> 10 for name, key in MEMORY.items()}


def measure(path: Path, batches: int) -> dict[str, float]:
    """Open the file and read `batches` batches of records at random places."""
    places = {"imported": memory()}
    started = time.perf_counter()
    dataset = RecordDataset(open_triplets(path))
    opened = time.perf_counter()
    places["opened"] = memory()
    order = np.random.default_rng(1).integers(len(dataset), size=(batches, BATCH))
    reading = time.perf_counter()
    first = 0.0
    for batch in order:
        records = [dataset[place] for place in batch]
        first = first or time.perf_counter() - reading
    seconds = time.perf_counter() - reading
    assert all(record.kind == "generated" for record in records)
    places["read"] = memory()
    return {
        "seconds to open": opened - started,
        "seconds to the first batch": first,
        "records/s": round(order.size / seconds),
        **{f"{name} MiB, {when}": found[name] for name in MEMORY for when, found in places.items()},
    }


def forget(path: Path) -> None:
    """Take a file out of the page cache."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def main(records: int, batches: int, folder: Path | None, file: Path | None) -> None:
    """Generate, measure, print the table, write the JSON."""
    rows = []
    for count in (records // 10, records):
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            path = Path(scratch) / "train.arrow"
            started = time.perf_counter()
            write_triplets(path, tqdm(generate(count), desc="writing", total=count, unit="record", mininterval=1))
            row = {"records": count, "GiB": path.stat().st_size / (1 << 30)}
            row["seconds to write"] = time.perf_counter() - started
            forget(path)
            with ProcessPoolExecutor(1, get_context("spawn")) as fresh:
                rows.append(row | fresh.submit(measure, path, batches).result())
    load = round(os.getloadavg()[0], 2)
    print(f"\n{batches:,} random batches of {BATCH}; {os.cpu_count()} cores, load average of the last minute {load}\n")
    turned = [{"": name} | {f"{row['records']:,}": row[name] for row in rows} for name in list(rows[0])[1:]]
    print(format_table(turned, list(turned[0])))
    if file:
        write_json(file, {"batches": batches, "cores": os.cpu_count(), "load": load, "runs": rows})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=5_000_000)
    parser.add_argument("--batches", type=int, default=2_000)
    parser.add_argument("--folder", type=Path, help="where to write; about a GiB a million records")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    main(arguments.records, arguments.batches, arguments.folder, arguments.json)
