"""Prints the result tables of the last run from metrics/: `python -m kosplade.report.summary`.

Imports nothing heavy.
"""

import sys
from pathlib import Path

from kosplade.errors import UserError
from kosplade.export.card import SYSTEMS, gain_lines, kind_table, reported_split, retrieval_table
from kosplade.files import read_json
from kosplade.params import load_params
from kosplade.retrieval.table import format_table

REMEDY = "Run: make repro"
TARGETS = (
    # key in metrics/sparsity.json, title, target, whether a value reaches it
    ("semantic_top10", "semantic pieces in the top 10", "at least 0.80", lambda x: x >= 0.80),
    ("stopword_activation", "stopword activation", "below 0.5", lambda x: x < 0.5),
    ("semantic_ratio", "semantic ratio", "above 1", lambda x: x > 1),
    ("foreign_activation", "foreign activation", "below 0.01", lambda x: x < 0.01),
    ("document_nnz", "pieces a document", "at most 150", lambda x: x <= 150),
)


def retrieval(metrics: Path) -> str:
    """The retrieval table, how sure its gains over the baselines are, and nDCG@10 by kind of query."""
    figures = read_json(metrics / "eval.json", REMEDY)
    kinds = read_json(metrics / "eval_by_kind.json", REMEDY)
    split = reported_split(figures)
    head = f"{figures[split]['queries']} {split} queries, {figures['documents']} documents"
    return f"{head}\n\n{retrieval_table(figures)}\n\n{gain_lines(figures)}\n\n{kind_table(kinds)}"


def cost(metrics: Path) -> str:
    """What serving each system costs: entries of a vector, products a query and document, size of the index."""
    figures = read_json(metrics / "cost.json", REMEDY)
    rows = [
        {
            "cost": title,
            "query nnz": figures[name]["query_nnz"],
            "document nnz": figures[name]["document_nnz"],
            "FLOPS": figures[name]["flops"],
            "index MB": figures[name]["index_bytes"] / 1e6,
        }
        for name, title in SYSTEMS.items()
    ]
    return format_table(rows, ["cost", "query nnz", "document nnz", "FLOPS", "index MB"])


def targets(metrics: Path) -> str:
    """The sparsity of raw document vectors beside the targets."""
    figures = read_json(metrics / "sparsity.json", REMEDY)
    rows = []
    for key, title, target, reaches in TARGETS:
        met = "yes" if reaches(figures[key]) else "no"
        rows.append({"raw document vectors": title, "value": figures[key], "target of V25": target, "met": met})
    return format_table(rows, ["raw document vectors", "value", "target of V25", "met"])


def main() -> None:
    """Print everything."""
    metrics = Path("metrics")
    print(f"\nVersion {load_params().version}", retrieval(metrics), cost(metrics), targets(metrics), sep="\n\n")


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(f"Error: {error}")
