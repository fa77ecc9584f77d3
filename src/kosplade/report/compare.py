"""V24 beside V25: `python -m kosplade.report.compare v24 v25` runs what is missing and prints one table.

The figures are read out of the experiments' commits, so nothing is checked out and the workspace stays as it is.
"""

import json
import subprocess
import sys

from kosplade.errors import UserError
from kosplade.export.card import reported_split
from kosplade.retrieval.table import format_table

RECIPES = {
    "v24": ("version=v24", "loss.idf_weighting=false", "loss.stopword_mask=false"),
    "v25": ("version=v25", "loss.idf_weighting=true", "loss.stopword_mask=true"),
}
ROWS = (
    # title, file, keys, target of the guide
    ("semantic pieces in the top 10", "sparsity", ("semantic_top10",), "0.80 or more"),
    ("stopword activation", "sparsity", ("stopword_activation",), "below 0.5"),
    ("semantic ratio", "sparsity", ("semantic_ratio",), "above 1"),
    ("foreign activation", "sparsity", ("foreign_activation",), ""),
    ("pieces a document", "sparsity", ("document_nnz",), ""),
    ("retrieval FLOPS, inference-free", "sparsity", ("flops_inference_free",), ""),
    ("nDCG@10, inference-free", "eval", ("inference_free", "ndcg10"), "not below BM25"),
    ("nDCG@10, encoded queries", "eval", ("siamese", "ndcg10"), "not below BM25"),
    ("nDCG@10, BM25 over the same pieces", "eval", ("bm25", "ndcg10"), ""),
    ("nDCG@10, BM25 over Kiwi morphemes", "eval", ("bm25_kiwi", "ndcg10"), ""),
)


def git(*arguments: str) -> str:
    """Output of a git command; UserError with its message if it fails."""
    done = subprocess.run(["git", *arguments], capture_output=True, text=True)
    if done.returncode:
        raise UserError(f"git {' '.join(arguments)}: {done.stderr.strip().splitlines()[-1]}")
    return done.stdout


def experiment(name: str) -> str | None:
    """The newest commit of the experiment `name`, None if there is none."""
    refs = git("for-each-ref", "--sort=-committerdate", "--format=%(refname)", "refs/exps").split()
    return next((ref for ref in refs if ref.rsplit("/", 1)[-1] == name), None)


def run(name: str) -> None:
    """Run a recipe as a DVC experiment in a copy of the workspace."""
    settings = [part for setting in RECIPES[name] for part in ("-S", setting)]
    print(f"[compare] experiment {name} not found: running it", flush=True)
    if subprocess.run(["dvc", "exp", "run", "--temp", "-n", name, *settings]).returncode:
        raise UserError(f"experiment {name} failed; its last lines say why. Then run: make eval-v25-compare")


def figures(revision: str) -> dict[str, dict]:
    """metrics/eval.json (its reported split) and metrics/sparsity.json of a commit."""
    found = {name: json.loads(git("show", f"{revision}:metrics/{name}.json")) for name in ("eval", "sparsity")}
    found["eval"] = found["eval"][reported_split(found["eval"])]
    return found


def figure(values: dict, keys: tuple[str, ...]) -> float | None:
    """One figure; None if the experiment is older than it."""
    for key in keys:
        values = values.get(key, {})
    return None if values == {} else values


def main(names: list[str]) -> None:
    """Make the experiments that are missing, then print the table."""
    for name in names:
        if name not in RECIPES:
            raise UserError(f"unknown recipe {name!r}. Known: {', '.join(RECIPES)}")
        if experiment(name) is None:
            run(name)
    columns = {}
    for name in names:
        revision = experiment(name)
        if revision is None:
            raise UserError(f"experiment {name} left no result. Run: make exp-{name}")
        columns[name] = figures(revision)
    rows = []
    for title, file, keys, target in ROWS:
        row: dict[str, object] = {"": title}
        for name in names:
            row[name] = figure(columns[name][file], keys)
        rows.append(row | {"target of V25": target})
    print(format_table(rows, ["", *names, "target of V25"]))
    print(f"\nMore: dvc exp diff {' '.join(names)}; dvc plots diff {' '.join(names)}; dvc exp show")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except UserError as error:
        sys.exit(f"Error: {error}")
