"""Two experiments beside each other: `python -m kosplade.report.compare v24 v25` prints a table and writes a page.

A recipe without an experiment is run first. A name may also be another experiment, a Git revision, or "workspace".
Nothing is checked out, so the workspace stays as it is.
"""

import subprocess
import sys
from pathlib import Path

from kosplade.errors import UserError
from kosplade.report.experiments import experiment, is_shallow, load
from kosplade.report.page import write_page
from kosplade.report.page.tables import HEADLINES, figure
from kosplade.retrieval.table import format_table

RECIPES = {
    "v24": ("version=v24", "loss.idf_weighting=false", "loss.stopword_mask=false"),
    "v25": ("version=v25", "loss.idf_weighting=true", "loss.stopword_mask=true"),
}
PAGE = Path("reports/index.html")


def run(name: str) -> None:
    """Run a recipe as a DVC experiment in a copy of the workspace.

    Raises UserError where it fails, and at once in a shallow clone: DVC would lose the result there and not say so.
    """
    if is_shallow():
        raise UserError(f"no experiment {name}, and a shallow clone cannot keep one. Run: git fetch --unshallow")
    settings = [part for setting in RECIPES[name] for part in ("-S", setting)]
    print(f"[compare] experiment {name} not found: running it", flush=True)
    if subprocess.run(["dvc", "exp", "run", "--temp", "-n", name, *settings]).returncode:
        raise UserError(f"experiment {name} failed; its last lines say why. Then run: make eval-v25-compare")


def main(names: list[str]) -> None:
    """Make the recipes that are missing, print the table, write the page."""
    if len(names) != 2:
        raise UserError("Name two experiments, the base first: python -m kosplade.report.compare v24 v25")
    for name in names:
        if name in RECIPES and experiment(name) is None:
            run(name)
    base, new = (load(name) for name in names)
    rows = [
        {"": row.title, base.name: figure(base, row), new.name: figure(new, row), "target of V25": row.target}
        for row in HEADLINES
    ]
    print(format_table(rows, ["", base.name, new.name, "target of V25"]))
    write_page(base, new, PAGE)
    print(f"\nPage: {PAGE}. More: dvc exp diff {' '.join(names)}; dvc plots diff {' '.join(names)}; dvc exp show")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except UserError as error:
        sys.exit(f"Error: {error}")
