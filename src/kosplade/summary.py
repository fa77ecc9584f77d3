"""Prints the result table of the last run from metrics/: `python -m kosplade.summary`. Imports nothing heavy."""

import sys
from pathlib import Path

from kosplade.errors import UserError
from kosplade.export.card import kind_table, reported_split, retrieval_table
from kosplade.files import read_json
from kosplade.params import load_params
from kosplade.retrieval.table import format_table

TARGETS = (
    # key in metrics/sparsity.json, title, target, whether a value reaches it
    ("semantic_top10", "semantic pieces in the top 10", "at least 0.90", lambda x: x >= 0.90),
    ("stopword_activation", "stopword activation", "below 0.5", lambda x: x < 0.5),
    ("semantic_ratio", "semantic ratio", "above 1", lambda x: x > 1),
    ("foreign_activation", "foreign activation", "below 0.05", lambda x: x < 0.05),
    ("document_nnz", "pieces a document", "at most 200", lambda x: x <= 200),
)


def summary(version: str, metrics: Path = Path("metrics")) -> str:
    """The retrieval table and the sparsity table, with the targets of the guide beside the figures."""
    remedy = "Run: make repro"
    retrieval = read_json(metrics / "eval.json", remedy)
    sparsity = read_json(metrics / "sparsity.json", remedy)
    kinds = read_json(metrics / "eval_by_kind.json", remedy)
    rows = [
        {"raw document vectors": title, "value": sparsity[key], "target": target, "": "yes" if met else "no"}
        for key, title, target, reaches in TARGETS
        for met in [reaches(sparsity[key])]
    ]
    split = reported_split(retrieval)
    return "\n\n".join(
        (
            f"{version}: {retrieval[split]['queries']} {split} queries, {retrieval['documents']} documents",
            retrieval_table(retrieval),
            kind_table(kinds),
            format_table(rows, ["raw document vectors", "value", "target", ""]),
        )
    )


if __name__ == "__main__":
    try:
        print(summary(load_params().version))
    except UserError as error:
        sys.exit(f"Error: {error}")
