"""Two experiments beside each other: `python -m kosplade.report.compare v24 v25` prints a table and writes a page.

A recipe without an experiment is run first. A name may also be another experiment, a Git revision, or "workspace".
Nothing is checked out, so the workspace stays as it is.
"""

import json
import subprocess
import sys
from pathlib import Path

from kosplade.console import run_command, say
from kosplade.errors import UserError
from kosplade.params import RECIPES
from kosplade.report.experiments import experiment, is_shallow, load
from kosplade.report.gates import read_gates
from kosplade.report.page import write_page
from kosplade.report.page.beside import headline_rows, reasons
from kosplade.retrieval.results import format_table

PAGE = Path("reports/index.html")
DVC = (sys.executable, "-m", "dvc")  # that of this environment, activated or not


def run(name: str) -> None:
    """Run a recipe as a DVC experiment in a copy of the workspace; UserError where that fails or cannot work."""
    if obstacle := _obstacle():
        raise UserError(f"no experiment {name}, and none can be run in a copy of the workspace: {obstacle}")
    settings = [f"--set-param={key}={json.dumps(value)}" for key, value in RECIPES[name].items()]
    say("compare", f"experiment {name} not found: running it")
    if subprocess.run([*DVC, "exp", "run", "--temp", "-n", name, "-S", f"version={name}", *settings]).returncode:
        raise UserError(f"experiment {name} failed; its last lines say why. Then run: make eval-v25-compare")


def _obstacle() -> str | None:
    """Why `dvc exp run --temp` (3.67.1) cannot work in this repository, and the remedy; None if it can."""
    if is_shallow():  # DVC would run it, lose the result and not say so
        return "the clone is shallow. Run: git fetch --unshallow"
    cache = subprocess.run([*DVC, "cache", "dir"], capture_output=True, text=True).stdout.strip()
    if not cache.isascii():  # DVC writes the path into the copy's settings, in ASCII
        return f"{cache} is not an ASCII path. Move it to one, then run: dvc cache dir --local NEW_PATH"
    return None


def main(names: list[str]) -> None:
    """Make the recipes that are missing, print the table, write the page."""
    if len(names) != 2:
        raise UserError("Name two experiments, the base first: python -m kosplade.report.compare v24 v25")
    gates = read_gates()
    for name in names:
        if name in RECIPES and experiment(name) is None:
            run(name)
    base, new = (load(name) for name in names)
    columns = ["", base.name, new.name, "change", "limit"]
    rows = [
        [row["title"], *(cell["text"] for cell in row["cells"]), f"{row['change']} {row['outcome']}", row["limit"]]
        for row in headline_rows(base, new, gates)
    ]
    print(format_table(rows, columns))
    print(*(f"\n{base.name} and {new.name}: {why}." for why in reasons(base, new)), sep="")
    print(f"\nPage: {PAGE}. More: dvc exp diff {' '.join(names)}; dvc plots diff {' '.join(names)}; dvc exp show")
    write_page(base, new, gates, PAGE)


if __name__ == "__main__":
    run_command(main)
