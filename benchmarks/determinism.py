"""Which figures are equal in two runs: `PYTHONPATH=src python benchmarks/determinism.py --threads 1,2`.

A small repository of its own (one layer, a few steps, headings of the manuals) is prepared once in a temporary folder;
then the stages train and eval run twice with each number of threads, same seed, each in a fresh process. Compared are
all metrics, the curves and the bytes of the trained weights. With as many threads everything should be equal; with more
of them sums are taken in another order, and the spread says what of a figure is noise of that kind.
"""

import argparse
import hashlib
import itertools
import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from kosplade.corpus.embedded import keep_passages
from kosplade.corpus.pairs import build_pairs
from kosplade.corpus.sources import manuals
from kosplade.environment import environment
from kosplade.errors import UserError
from kosplade.files import write_json, write_jsonl
from kosplade.retrieval.results import format_table
from kosplade.wheels import fetch_wheel
from measure import numbers

ROOT = Path(__file__).resolve().parents[1]
SMALL = {
    "model": {"num_layers": 1, "max_query_length": 24, "max_document_length": 48},
    "data": {"source": "user", "max_passages": 120, "val_queries": 24},
    "teacher": {"max_length": 32},
    "train": {"batch_size": 8, "sampled_pieces": 256, "logging_steps": 2, "save_steps": 1000},
    "eval": {"sparsity_documents": 24},
}
RECORDS = 160
BEFORE = ("prepare", "backbone", "idf", "stopwords", "teacher", "baselines")
METRICS = ("eval", "eval_by_kind", "sparsity", "cost")
WEIGHTS = "weights, sha256"
Figures = dict[str, float | str]


def set_up(folder: Path, steps: int) -> None:
    """Parameters, records and the outs of every stage before train."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    for group, values in SMALL.items():
        params[group].update(values)
    params["train"]["max_steps"] = steps
    with (folder / "params.yaml").open("w", encoding="utf-8") as out:
        yaml.safe_dump(params, out, allow_unicode=True, sort_keys=False)
    (folder / "data/v24.0").mkdir(parents=True)
    for name in ("sources.yaml", "stopwords_ko.txt", "queries"):
        (folder / "data" / name).symlink_to(ROOT / "data" / name)
    documents = manuals.read(fetch_wheel("manuals", ROOT / "data/sources.yaml"))
    pairs = build_pairs(keep_passages(documents, 0, 150))[:RECORDS]
    write_jsonl(folder / "data/v24.0/train_mine.jsonl", ({"query": p.query, "positive": p.positive} for p in pairs))
    for stage in BEFORE:
        run_stage(folder, stage, max(1, os.cpu_count() or 1))


def run_stage(folder: Path, stage: str, threads: int) -> None:
    """One stage in a fresh process. Raises UserError with its last line if it fails."""
    print(f"{stage}, threads: {threads}", file=sys.stderr, flush=True)
    module = "evaluate" if stage == "eval" else stage
    variables = {"PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": str(threads), "TQDM_DISABLE": "1"}
    variables["KOSPLADE_CHECKPOINTS"] = str(folder / "checkpoints")
    command = [sys.executable, "-m", f"kosplade.stages.{module}"]
    done = subprocess.run(command, cwd=folder, env=os.environ | variables, capture_output=True, text=True)
    if done.returncode:
        raise UserError(f"stage {stage} failed: {(done.stderr.strip() or 'no message').splitlines()[-1]}")


def train_and_evaluate(folder: Path, threads: int) -> Figures:
    """All figures of one run by name."""
    run_stage(folder, "train", threads)
    run_stage(folder, "eval", threads)
    found = {name: json.loads((folder / f"metrics/{name}.json").read_text()) for name in METRICS}
    [trained] = folder.glob("outputs/train_*")
    history = [json.loads(line) for line in (trained / "history.jsonl").read_text().splitlines()]
    found["curves"] = {row["step"]: row for row in history}
    figures: Figures = {WEIGHTS: hashlib.sha256((trained / "model.safetensors").read_bytes()).hexdigest()}
    return figures | dict(leaves(found))


def leaves(value: Any, name: str = "") -> Iterator[tuple[str, float | str]]:
    """(name, value) of all numbers and texts in nested objects and lists."""
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(inner, f"{name}.{key}" if name else str(key))
    elif value is not None:
        yield name, value


def difference(one: float | str, other: float | str) -> float:
    """Relative to the larger of two numbers; infinite where texts differ."""
    if one == other:
        return 0.0
    if isinstance(one, str) or isinstance(other, str):
        return math.inf
    return abs(one - other) / max(abs(one), abs(other))


def compare(one: Figures, other: Figures) -> dict[str, Any]:
    """How many figures are equal to the bit, and the one that is furthest off. UserError if a run lacks a figure."""
    if one.keys() != other.keys():
        raise UserError(f"two runs have not the same figures: {', '.join(sorted(one.keys() ^ other.keys())[:5])}.")
    off = {name: difference(one[name], other[name]) for name in one if name != WEIGHTS}
    worst = max(off, key=off.__getitem__)
    return {
        "weights": "equal" if one[WEIGHTS] == other[WEIGHTS] else "differ",
        "figures": len(off),
        "equal": sum(not value for value in off.values()),
        "largest difference": f"{off[worst]:.1e}" if off[worst] else "0",
        "of": worst if off[worst] else "",
    }


def spread(runs: dict[int, list[Figures]]) -> list[dict[str, Any]]:
    """The metrics (no curves) that differ between numbers of threads, the largest difference first."""
    firsts = [found[0] for found in runs.values()]
    rows = []
    for name in firsts[0]:
        values = [found[name] for found in firsts]
        worst = max(difference(a, b) for a, b in itertools.product(values, repeat=2))
        if worst and name != WEIGHTS and not name.startswith("curves."):
            rows.append(
                {"metric": name, "smallest": f"{min(values):.6g}", "largest": f"{max(values):.6g}", "by": worst}
            )
    rows.sort(key=lambda row: -row["by"])
    return [row | {"by": f"{row['by']:.1e}"} for row in rows]


def main(threads: list[int], steps: int, file: Path | None) -> None:
    """Run, compare, print; exit 1 if two runs with as many threads differ."""
    with tempfile.TemporaryDirectory(prefix="kosplade-determinism-") as scratch:
        set_up(Path(scratch), steps)
        runs = {count: [train_and_evaluate(Path(scratch), count) for _ in range(2)] for count in threads}
    rows = [{"runs": f"{count} threads, twice"} | compare(*found) for count, found in runs.items()]
    for one, other in itertools.combinations(threads, 2):
        rows.append({"runs": f"{one} against {other} threads"} | compare(runs[one][0], runs[other][0]))
    print(format_table(rows, list(rows[0])))
    if differing := spread(runs):
        print(f"\nMetrics that depend on the number of threads ({steps} steps of training):\n")
        print(format_table(differing, list(differing[0])))
    if file:
        write_json(file, {"environment": environment(), "steps": steps, "runs": runs})
    if any(row["weights"] == "differ" for row in rows[: len(threads)]):
        raise UserError("two runs with the same seed and as many threads differ.")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=numbers, default="1,2", help="numbers of threads, separated by commas")
    parser.add_argument("--steps", type=int, default=12, help="optimiser steps of each training")
    parser.add_argument("--json", type=Path, help="file for all figures of all runs")
    arguments = parser.parse_args()
    try:
        main(arguments.threads, arguments.steps, arguments.json)
    except UserError as error:
        sys.exit(f"Error: {error}")
