"""THIRD_PARTY.md: the licence of everything fetched. `python -m kosplade.tools.licences` writes it, `--check` compares.

What a Python package says of its licence is read from the installed package; what it needs, from its metadata.
"""

import fnmatch
import re
import sys
from collections.abc import Iterable
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from kosplade.errors import UserError
from kosplade.files import read_yaml, replacing
from kosplade.retrieval.table import format_table
from kosplade.tools.imports.registry import REGISTRY, read_registry

REQUIREMENTS = Path("requirements.txt")
CONSTRAINTS = Path("constraints.txt")
SOURCES = Path("data/sources.yaml")
NOTICES = Path("data/licences.yaml")
THIRD_PARTY = Path("THIRD_PARTY.md")

# Copyleft that reaches further than the file it is in, or no free licence at all: each needs a note in NOTICES.
RESTRICTED = re.compile(r"GPL|AGPL|EPL|SSPL|BUSL|proprietary|non-?commercial|-NC\b|none stated", re.IGNORECASE)
# What packages write in place of an SPDX expression.
SPDX = {
    "apache": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache 2.0 license": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "bsd license": "BSD",
    "new bsd": "BSD-3-Clause",
    "3-clause bsd license": "BSD-3-Clause",
    "isc license": "ISC",
    "mit license": "MIT",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
}


def read_requirements(path: Path) -> list[Requirement]:
    """The requirements, or constraints, of a file in its order, comments left out."""
    lines = (line.split("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    return [Requirement(line) for line in lines if line]


def needed(requirements: Iterable[Requirement]) -> dict[str, Distribution]:
    """Every installed distribution that the requirements need on this machine, by normalised name, sorted.

    Raises UserError for one that is not installed.
    """
    found: dict[str, Distribution] = {}
    met: set[tuple[str, str]] = set()
    todo = [(requirement, "requirements.txt") for requirement in requirements]
    while todo:
        requirement, parent = todo.pop()
        name = canonicalize_name(requirement.name)
        try:
            found[name] = distribution(requirement.name)
        except PackageNotFoundError:
            raise UserError(f"{requirement.name}, which {parent} needs, is not installed. Run: make setup") from None
        for extra in {"", *requirement.extras} - {extra for one, extra in met if one == name}:
            met.add((name, extra))
            for line in found[name].requires or ():
                further = Requirement(line)
                if further.marker is None or further.marker.evaluate({"extra": extra}):
                    todo.append((further, requirement.name))
    return dict(sorted(found.items()))


def licence_of(package: Distribution) -> str:
    """What the package says of itself: an SPDX expression, else its licence field if short, else its classifiers."""
    if expression := package.metadata.get("License-Expression"):
        return expression
    field = (package.metadata.get("License") or "").strip()
    classifiers = [line.split(" :: ")[-1] for line in package.metadata.get_all("Classifier") or () if "License" in line]
    said = [field] if 0 < len(field) <= 60 and "\n" not in field else classifiers
    return " / ".join(SPDX.get(one.lower(), one) for one in said) or "none stated"


def third_party() -> str:
    """The text of THIRD_PARTY.md. Raises UserError for a package without a usable licence or a missing note."""
    notices = read_yaml(NOTICES)
    direct = [canonicalize_name(requirement.name) for requirement in read_requirements(REQUIREMENTS)]
    elsewhere = notices["packages"]  # said better here than in their metadata, or not installed on every machine
    licences = {name: licence_of(package) for name, package in needed(read_requirements(REQUIREMENTS)).items()}
    constrained = {canonicalize_name(requirement.name) for requirement in read_requirements(CONSTRAINTS)}
    licences |= {name: elsewhere[name] for name in constrained if name in elsewhere}
    if unknown := sorted(constrained - licences.keys()):
        raise UserError(f"no licence known of {', '.join(unknown)}. Add it to {NOTICES}, packages.")
    notes = notices["notes"]  # by name, or by a pattern of names
    restricted = sorted(name for name, said in licences.items() if RESTRICTED.search(said))
    noted = {pattern: fnmatch.filter(restricted, pattern) for pattern in notes}
    if unsaid := sorted(set(restricted).difference(*noted.values())):
        raise UserError(f"{unsaid[0]} is under {licences[unsaid[0]]}. Say in {NOTICES}, notes, why that is in order.")
    texts = [row for group in read_yaml(SOURCES).values() for row in group]
    sections = {
        "Text and weights": [
            {"package": f"{row['package']} {row['version']}", "licence": row["licence"], "taken": row["taken"]}
            for row in texts
        ],
        "Data sets": [
            {"data set": entry.title, "licence": entry.licence, "note": entry.licence_note}
            for entry in read_registry(REGISTRY)
        ],
        "Python packages": [{"package": name, "licence": licences[name]} for name in direct],
        "What these need": [
            {"package": name, "licence": said} for name, said in sorted(licences.items()) if name not in direct
        ],
        "To be looked at": [
            {"package": pattern, "licence": ", ".join(sorted({licences[n] for n in names})), "note": notes[pattern]}
            for pattern, names in noted.items()
            if names
        ],
    }
    parts = ["# What is fetched and under which licence", notices["introduction"].strip()]
    for title, rows in sections.items():
        parts += [f"## {title}", notices["sections"][title].strip(), format_table(rows, list(rows[0]))]
    return "\n\n".join(parts) + "\n"


def main(arguments: list[str]) -> None:
    """Write THIRD_PARTY.md, or with --check only compare."""
    text = third_party()
    if arguments == ["--check"]:
        if not THIRD_PARTY.exists() or THIRD_PARTY.read_text(encoding="utf-8") != text:
            raise UserError(f"{THIRD_PARTY} is out of date. Run: python -m kosplade.tools.licences")
    elif arguments:
        raise UserError("the only option is --check.")
    else:
        with replacing(THIRD_PARTY) as target:
            target.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except UserError as error:
        sys.exit(f"Error: {error}")
