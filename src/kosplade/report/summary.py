"""Prints the result tables of the last run from metrics/: `python -m kosplade.report.summary`.

Imports nothing heavy.
"""

from kosplade.console import run_command
from kosplade.files import read_json
from kosplade.params import load_params
from kosplade.paths import METRICS
from kosplade.report.figures import SPARSITY
from kosplade.report.gates import keeps, limit_text, read_gates
from kosplade.retrieval import results
from kosplade.retrieval.beir import SPLITS

REMEDY = "Run: make repro"


def retrieval() -> str:
    """The retrieval tables, how sure the gains over the baselines are, and nDCG@10 by kind of query."""
    figures = read_json(METRICS / "eval.json", REMEDY)
    kinds = read_json(METRICS / "eval_by_kind.json", REMEDY)
    split = results.reported_split(figures)
    parts = []
    for shown in (one for one in SPLITS if one in figures and one in (split, "wider")):
        parts += [f"{figures[shown]['queries']} {shown} queries, {figures['documents']} documents"]
        parts += [results.retrieval_table(figures, shown), results.gain_lines(figures, shown)]
    return "\n\n".join([*parts, results.kind_table(kinds)])


def cost() -> str:
    """What serving each system costs: entries of a vector, products a query and document, size of the index."""
    figures = read_json(METRICS / "cost.json", REMEDY)
    rows = [(title, *results.cost_cells(figures[name]).values()) for name, title in results.SYSTEMS.items()]
    return results.format_table(rows, ["cost", *results.COSTS.values()])


def sparsity() -> str:
    """The sparsity of raw document vectors beside its limits."""
    figures, gates = read_json(METRICS / "sparsity.json", REMEDY), read_gates()
    rows = []
    for stem, metric, title in SPARSITY:
        bounds, value = gates.bounds(stem, metric), figures[metric]
        kept = ("yes" if keeps(bounds, value) else "no") if bounds else None
        rows.append((title, value, limit_text(bounds), kept))
    return results.format_table(rows, ["raw document vectors", "value", "limit", "kept"])


def main(_: list[str]) -> None:
    """Print everything."""
    print(f"\nVersion {load_params().version}", retrieval(), cost(), sparsity(), sep="\n\n")


if __name__ == "__main__":
    run_command(main)
