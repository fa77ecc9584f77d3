"""Prints the result tables of the last run from metrics/: `python -m kosplade.report.summary`.

Imports nothing heavy.
"""

from kosplade.console import run_command
from kosplade.export.card import gain_lines, kind_table, reported_split, retrieval_table
from kosplade.files import read_json
from kosplade.params import load_params
from kosplade.paths import METRICS
from kosplade.report.figures import SPARSITY
from kosplade.report.gates import keeps, limit_text, read_gates
from kosplade.retrieval.results import COSTS, SYSTEMS, cost_cells, format_table

REMEDY = "Run: make repro"


def retrieval() -> str:
    """The retrieval table, how sure its gains over the baselines are, and nDCG@10 by kind of query."""
    figures = read_json(METRICS / "eval.json", REMEDY)
    kinds = read_json(METRICS / "eval_by_kind.json", REMEDY)
    split = reported_split(figures)
    head = f"{figures[split]['queries']} {split} queries, {figures['documents']} documents"
    return f"{head}\n\n{retrieval_table(figures)}\n\n{gain_lines(figures)}\n\n{kind_table(kinds)}"


def cost() -> str:
    """What serving each system costs: entries of a vector, products a query and document, size of the index."""
    figures = read_json(METRICS / "cost.json", REMEDY)
    rows = [{"cost": title} | cost_cells(figures[name]) for name, title in SYSTEMS.items()]
    return format_table(rows, ["cost", *COSTS.values()])


def sparsity() -> str:
    """The sparsity of raw document vectors beside its limits."""
    figures, gates = read_json(METRICS / "sparsity.json", REMEDY), read_gates()
    rows = []
    for stem, metric, title in SPARSITY:
        bounds, value = gates.bounds(stem, metric), figures[metric]
        kept = {True: "yes", False: "no"}[keeps(bounds, value)] if bounds else None
        rows.append({"raw document vectors": title, "value": value, "limit": limit_text(bounds), "kept": kept})
    return format_table(rows, ["raw document vectors", "value", "limit", "kept"])


def main(_: list[str]) -> None:
    """Print everything."""
    print(f"\nVersion {load_params().version}", retrieval(), cost(), sparsity(), sep="\n\n")


if __name__ == "__main__":
    run_command(main)
