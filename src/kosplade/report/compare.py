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
    """Run a recipe as a DVC experiment in a copy of the workspace; UserError where that fails or cannot work."""
    if obstacle := _obstacle():
        raise UserError(f"no experiment {name}, and none can be run in a copy of the workspace: {obstacle}")
    settings = [part for setting in RECIPES[name] for part in ("-S", setting)]
    print(f"[compare] experiment {name} not found: running it", flush=True)
    if subprocess.run(["dvc", "exp", "run", "--temp", "-n", name, *settings]).returncode:
        raise UserError(f"experiment {name} failed; its last lines say why. Then run: make eval-v25-compare")


def _obstacle() -> str | None:
    """Why `dvc exp run --temp` (3.67.1) cannot work in this repository, and the remedy; None if it can."""
    if is_shallow():  # DVC would run it, lose the result and not say so
        return "the clone is shallow. Run: git fetch --unshallow"
    cache = subprocess.run(["dvc", "cache", "dir"], capture_output=True, text=True).stdout.strip()
    if not cache.isascii():  # DVC writes the path into the copy's settings, in ASCII
        return f"{cache} is not an ASCII path. Move it to one, then run: dvc cache dir --local NEW_PATH"
    return None


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
