"""THIRD_PARTY.md: the licence of everything fetched. `python -m kosplade.tools.licences` writes it.

pip-licenses (requirements-dev.txt) tells what installed packages say of themselves; data/licences.yaml the rest.
"""

import fnmatch
import json
import re
import subprocess
import sys
from pathlib import Path

from kosplade.console import run_command
from kosplade.errors import UserError
from kosplade.files import read_model, read_yaml
from kosplade.paths import SOURCES
from kosplade.tools.imports.registry import REGISTRY, Registry
from kosplade.wheels import Sources

CONSTRAINTS = Path("constraints.txt")
NOTICES = Path("data/licences.yaml")
# Copyleft that reaches further than the file it is in, or no free licence at all: each needs a note in NOTICES.
RESTRICTED = re.compile(r"GPL|GNU|EPL|SSPL|BUSL|proprietary|non-?commercial|-NC\b|none stated|UNKNOWN", re.IGNORECASE)


def package_licences(stated: dict[str, str]) -> dict[str, str]:
    """The licence of every package that constraints.txt names; `stated` goes before what a package says."""
    command = [sys.executable, "-m", "piplicenses", "--format=json", "--from=mixed", "--with-system"]
    rows = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    said = {canonical(row["Name"]): row["License"] for row in rows} | stated
    names = map(canonical, re.findall(r"(?m)^([\w.-]+)==", CONSTRAINTS.read_text(encoding="utf-8")))
    return {name: said.get(name, "UNKNOWN") for name in names}


def canonical(name: str) -> str:
    """A package's name as PyPI compares names."""
    return re.sub(r"[-_.]+", "-", name).lower()


def third_party() -> str:
    """The text of THIRD_PARTY.md. Raises UserError for a package whose licence needs a note and has none."""
    notices = read_yaml(NOTICES)
    licences = package_licences(notices["packages"])
    restricted = [name for name, licence in licences.items() if RESTRICTED.search(licence)]
    noted = {pattern: fnmatch.filter(restricted, pattern) for pattern in notices["notes"]}
    if unsaid := set(restricted).difference(*noted.values()):
        raise UserError(f"{min(unsaid)}: {licences[min(unsaid)]}. Say in {NOTICES} what it is, or why it is in order.")
    sources, datasets = read_model(SOURCES, Sources).all(), read_model(REGISTRY, Registry).datasets
    tables = {
        "Text and weights": [
            ("package", "licence", "taken"),
            *((f"{one.package} {one.version}", one.licence, one.taken) for one in sources),
        ],
        "Data sets": [
            ("data set", "licence", "note"),
            *((one.title, one.licence, one.licence_note) for one in datasets),
        ],
        "Python packages": [("package", "licence"), *sorted(licences.items())],
        "To be looked at": [
            ("package", "licence", "note"),
            *(
                (pattern, ", ".join(sorted({licences[name] for name in names})), notices["notes"][pattern])
                for pattern, names in noted.items()
            ),
        ],
    }
    parts = ["# What is fetched and under which licence", notices["introduction"].strip()]
    for title, (header, *rows) in tables.items():
        table = "\n".join(f"| {' | '.join(line)} |" for line in (header, ["---"] * len(header), *rows))
        parts += [f"## {title}", notices["sections"][title].strip(), table]
    return "\n\n".join(parts) + "\n"


def main(arguments: list[str]) -> None:
    """Write THIRD_PARTY.md."""
    Path("THIRD_PARTY.md").write_text(third_party(), encoding="utf-8")


if __name__ == "__main__":
    run_command(main)
