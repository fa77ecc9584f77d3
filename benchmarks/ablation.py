"""What each choice of the recipe is worth, as DVC experiments: `PYTHONPATH=src python benchmarks/ablation.py queue`.

    queue    queue every row that has no experiment yet; then: dvc queue start -j 1
    table    the rows that have run, as docs/results.md shows them

An experiment takes 12 to 17 minutes on two cores.
"""

import json
import subprocess
import sys

from kosplade.errors import UserError
from kosplade.report.experiments import experiment, git
from kosplade.retrieval.results import format_table

NO_COUNTS = ("occurrences.k1=0", "occurrences.floor=0", "occurrences.query_idf=0", "loss.query_idf=0")
ROWS = {
    # row: settings beside the defaults of params.yaml
    "v25": (),
    "no-distillation": ("loss.distillation=0",),
    "distillation-3": ("loss.distillation=3",),
    "dense-teacher": ("loss.teacher_lexical=0",),
    "lexical-0.6": ("loss.teacher_lexical=0.6",),
    "temperature-0.05": ("loss.teacher_temperature=0.05",),
    "hard-negatives": ("train.hard_negatives=1",),
    "batch-32": ("train.batch_size=32",),
    "guide": (
        "loss.distillation=0",
        "loss.morphemes=0",
        "loss.idf_prior=0",
        "loss.functional_penalty=1",
        "loss.infonce_inference_free=0",
        *NO_COUNTS,
    ),
    "no-counts": NO_COUNTS,
    "no-morphemes": ("loss.morphemes=0",),
    "penalty-8": ("stopword_penalty=8",),
    "no-mask": ("version=no-mask", "loss.stopword_mask=false"),
}
QUALITY = {"validation": "val", "test": "test", "wider": "wider"}
SPARSITY = {
    "semantic top 10": "semantic_top10",
    "stopword activation": "stopword_activation",
    "weight on grammar": "functional_weight",
    "pieces a document": "document_nnz",
}


def queue() -> None:
    """Queue every row that has no experiment."""
    for row, settings in ROWS.items():
        if experiment(name := f"ablation-{row}"):
            print(f"{name}: there already")
            continue
        changes = [part for setting in settings for part in ("-S", setting)]
        if subprocess.run(["dvc", "exp", "run", "--queue", "-n", name, *changes, "eval"]).returncode:
            raise UserError(f"{name} could not be queued; the lines above say why.")


def figures(commit: str) -> dict[str, str]:
    """Cells of one experiment: nDCG@10 by inference-free / encoded queries, then SPARSITY."""
    quality, sparsity = (json.loads(git("show", f"{commit}:metrics/{stem}.json")) for stem in ("eval", "sparsity"))
    cells = {}
    for title, split in QUALITY.items():
        cells[title] = " / ".join(f"{quality[split][way]['ndcg10']:.3f}" for way in ("inference_free", "encoded"))
    for title, key in SPARSITY.items():
        cells[title] = f"{sparsity[key]:.1f}" if key == "document_nnz" else f"{sparsity[key]:.3f}"
    return cells


def table() -> str:
    """The rows that have run."""
    rows = [
        {"row": row, "settings": " ".join(settings), **figures(commit)}
        for row, settings in ROWS.items()
        if (commit := experiment(f"ablation-{row}"))
    ]
    if not rows:
        raise UserError("No row has run. Run: python benchmarks/ablation.py queue; dvc queue start -j 1")
    return format_table(rows, ["row", "settings", *QUALITY, *SPARSITY])


def main(arguments: list[str]) -> None:
    """Do what the first argument says."""
    if arguments == ["queue"]:
        queue()
    elif arguments == ["table"]:
        print(table())
    else:
        raise UserError("Say queue or table: PYTHONPATH=src python benchmarks/ablation.py queue")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except UserError as error:
        sys.exit(f"Error: {error}")
