"""Prints what the document vectors of the last run look like: `python -m kosplade.report.vectors`.

Imports nothing heavy.
"""

from pathlib import Path

from kosplade.console import run_command
from kosplade.files import read_json, read_tsv
from kosplade.params import load_params
from kosplade.paths import eval_folder
from kosplade.report import summary
from kosplade.report.experiments import CURVES
from kosplade.retrieval.results import format_table

REMEDY = "Run: make eval-v25"
MOVED = ("document_nnz", "query_nnz", "stopword_activation", "semantic_ratio")
POINTS = 6  # of the training's curve
BINS = 5  # of 0.1 in one row of the table
BAR = 40  # signs of the longest bar


def weights(histogram: dict[str, list]) -> str:
    """Shares of the non-zero weights by size, for semantic, stopword and foreign pieces."""
    edges, kinds = histogram["edges"], [kind for kind in histogram if kind != "edges"]
    total = sum(map(sum, (histogram[kind] for kind in kinds)))
    rows = []
    for start in range(0, len(edges) - 1, BINS):
        end = min(start + BINS, len(edges) - 1)
        counts = [sum(histogram[kind][start:end]) for kind in kinds]
        bar = "#" * round(BAR * sum(counts) / max(total, 1))
        rows.append((f"{edges[start]:.1f} - {edges[end]:.1f}", *counts, bar))
    return format_table(rows, ["weight", *kinds, ""])


def movement(curves: Path) -> str:
    """How the figures moved during training, at a few of its steps."""
    values = {name: {row["step"]: float(row[name]) for row in read_tsv(curves / f"{name}.tsv")} for name in MOVED}
    steps = list(values[MOVED[0]])
    shown = sorted({round(place * (len(steps) - 1) / (POINTS - 1)) for place in range(POINTS)})
    rows = [(steps[i], *(of.get(steps[i]) for of in values.values())) for i in shown]
    return format_table(rows, ["step", *MOVED])


def main(_: list[str]) -> None:
    """Print everything."""
    version = load_params().version
    pieces = read_json(eval_folder(version) / "pieces.json", REMEDY)
    quantiles = ", ".join(f"{name} {value:.0f}" for name, value in pieces["nnz"]["quantiles"].items())
    print(
        f"\nVersion {version}, raw document vectors, before the stopword mask",
        summary.sparsity(),
        "Non-zero weights by size and kind of piece:",
        weights(pieces["weights"]),
        f"Pieces a document: {quantiles}",
        "The heaviest pieces, by mean weight:",
        format_table(pieces["heaviest"], ["piece", "kind", "mean", "documents"]),
        "During training (of a batch, on sampled pieces):",
        movement(CURVES),
        sep="\n\n",
    )


if __name__ == "__main__":
    run_command(main)
