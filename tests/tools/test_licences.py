"""THIRD_PARTY.md names everything that is fetched, and constraints.txt pins it."""

import re
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml

from kosplade.errors import UserError
from kosplade.tools import licences

ROOT = Path(__file__).parents[2]
PINS = dict(re.findall(r"(?m)^([\w.-]+)==(\S+)", (ROOT / "constraints.txt").read_text()))
REQUIREMENTS = {path.name: path.read_text(encoding="utf-8") for path in ROOT.glob("requirements*.txt")}


@pytest.fixture(autouse=True)
def _root(monkeypatch):
    monkeypatch.chdir(ROOT)


def test_every_requirement_is_pinned_once_as_the_constraints_have_it():
    lines = [line for text in REQUIREMENTS.values() for line in text.splitlines() if line and not line.startswith("#")]
    found = [re.match(r"([\w.-]+)==([\w.]+)(\s|$)", line).groups()[:2] for line in lines]
    names = [name for name, _ in found]
    assert sorted(set(names)) == sorted(names)
    pins = {licences.canonical(name): pinned for name, pinned in PINS.items()}
    assert {licences.canonical(name): pinned for name, pinned in found}.items() <= pins.items()


def test_what_is_installed_is_what_the_constraints_say():
    for name in ("torch", "transformers", "tokenizers", "numpy", "pydantic", "dvc", "scmrepo"):
        assert version(name).partition("+")[0] == PINS[name]  # +cpu: a build of torch


def test_third_party_is_current_and_names_every_package_source_and_data_set():
    text = (ROOT / "THIRD_PARTY.md").read_text(encoding="utf-8")
    assert text == licences.third_party()
    rows = dict(re.findall(r"(?m)^\| (.+?) \| (.+?) \|", text))
    assert {licences.canonical(name) for name in PINS} <= rows.keys()
    groups = yaml.safe_load((ROOT / "data/sources.yaml").read_text(encoding="utf-8"))
    sources = [source for group in groups.values() for source in group]
    assert {f"{one['package']} {one['version']}": one["licence"] for one in sources}.items() <= rows.items()
    datasets = yaml.safe_load((ROOT / "data/registry.yaml").read_text(encoding="utf-8"))["datasets"]
    assert {entry["title"]: entry["licence"] for entry in datasets}.items() <= rows.items()


@pytest.mark.parametrize(
    ("before", "after", "named"),
    [
        ("  pygit2: GPL-2.0 with", "  other: with", "pygit2: GPLv2 with linking exception"),
        ("  pywin32: PSF-2.0\n", "", "pywin32: UNKNOWN"),
    ],
)
def test_a_licence_that_needs_a_note_or_that_nobody_knows_stops(tmp_path, monkeypatch, before, after, named):
    text = licences.NOTICES.read_text(encoding="utf-8")
    assert text.count(before) == 1
    (tmp_path / "licences.yaml").write_text(text.replace(before, after), encoding="utf-8")
    monkeypatch.setattr(licences, "NOTICES", tmp_path / "licences.yaml")
    with pytest.raises(UserError, match=named):
        licences.third_party()
