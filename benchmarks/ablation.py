"""What each choice of the recipe is worth, as DVC experiments: `PYTHONPATH=src python benchmarks/ablation.py queue`.

    queue    queue every row that has no experiment yet; then: dvc queue start -j 1
    table    the rows that have run, as the README shows them; a row with several seeds is their mean and spread

An experiment takes about 13 minutes on two cores.
"""

import itertools
import json
import statistics
import subprocess
import sys

from kosplade.errors import UserError
from kosplade.report.experiments import experiment, git
from kosplade.retrieval.results import format_table, reported_split

NO_COUNTS = ("occurrences.k1=0", "occurrences.floor=0", "occurrences.query_idf=0")
NO_PRIOR = ("loss.idf_prior=0", "loss.functional_penalty=1", *NO_COUNTS)
PLAIN = ("loss.distillation=0", "loss.morphemes=0", *NO_PRIOR)
ROWS = {
    # row: settings beside the defaults of params.yaml
    "v24": ("version=v24", "loss.idf_weighting=false", "loss.stopword_mask=false"),
    "guide": (*PLAIN, "loss.infonce_inference_free=0"),
    "idf-in-score": PLAIN,
    "distillation": ("loss.morphemes=0", *NO_PRIOR),
    "morphemes": NO_PRIOR,
    "prior": NO_PRIOR[1:],
    "v25": (),
    "no-counts": NO_COUNTS,
    "list-alone": ("loss.functional_penalty=1",),
    "no-silent-pace": ("train.silent_pace=1", "train.bias_beta2=0.999"),
    "hard-negatives": ("train.hard_negatives=1",),
    "two-epochs": ("train.epochs=2",),
    "no-mask": ("version=no-mask", "loss.stopword_mask=false"),
    "penalty-1": ("stopword_penalty=1",),
    "penalty-8": ("stopword_penalty=8",),
    "penalty-15": ("stopword_penalty=15",),
    "layers-4": ("model.num_layers=4", "lambda_flops=0.02"),
    "layers-8": ("model.num_layers=8", "lambda_flops=0.03"),
    "trained-2": ("train.trained_layers=2",),
    "trained-12": ("train.trained_layers=12",),
}
SEEDS = (43, 44)  # beside that of params.yaml, for the rows that the text leans on
REPEATED = ("v24", "guide", "v25")
COLUMNS = {
    "nDCG@10, inference-free": ("eval", "inference_free", "ndcg10"),
    "encoded": ("eval", "encoded", "ndcg10"),
    "semantic top 10": ("sparsity", "semantic_top10"),
    "stopword activation": ("sparsity", "stopword_activation"),
    "document nnz": ("sparsity", "document_nnz"),
    "FLOPS": ("cost", "inference_free", "flops"),
}


def runs() -> dict[str, list[tuple[str, tuple[str, ...]]]]:
    """The experiments of each row: (name, settings)."""
    return {
        row: [(f"ablation-{row}", settings)]
        + [(f"ablation-{row}-{seed}", (*settings, f"seed={seed}")) for seed in SEEDS if row in REPEATED]
        for row, settings in ROWS.items()
    }


def queue() -> None:
    """Queue what has no experiment, up to its figures: every row once before any row again."""
    rounds = itertools.zip_longest(*runs().values())
    for name, settings in (one for round_ in rounds for one in round_ if one):
        if experiment(name):
            print(f"{name}: there already")
            continue
        changes = [part for setting in settings for part in ("-S", setting)]
        if subprocess.run(["dvc", "exp", "run", "--queue", "-n", name, *changes, "eval"]).returncode:
            raise UserError(f"{name} could not be queued; the lines above say why.")


def figures(commit: str) -> dict[str, float]:
    """COLUMNS of one experiment, of the reported split."""
    found = {stem: json.loads(git("show", f"{commit}:metrics/{stem}.json")) for stem in ("eval", "sparsity", "cost")}
    found["eval"] = found["eval"][reported_split(found["eval"])]
    values = {}
    for title, (stem, *keys) in COLUMNS.items():
        value = found[stem]
        for key in keys:
            value = value[key]
        values[title] = value
    return values


def table() -> str:
    """The rows that have run; with several seeds mean and standard deviation."""
    rows = []
    for row, experiments in runs().items():
        measured = [figures(commit) for name, _ in experiments if (commit := experiment(name))]
        if not measured:
            continue
        cells: dict[str, object] = {"row": row, "settings": " ".join(ROWS[row]), "seeds": len(measured)}
        for title in COLUMNS:
            values = [one[title] for one in measured]
            spread = f" ± {statistics.stdev(values):.3f}" if len(values) > 1 else ""
            cells[title] = f"{statistics.mean(values):.3f}{spread}"
        rows.append(cells)
    if not rows:
        raise UserError("No row has run. Run: python benchmarks/ablation.py queue; dvc queue start -j 1")
    return format_table(rows, ["row", "settings", "seeds", *COLUMNS])


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
