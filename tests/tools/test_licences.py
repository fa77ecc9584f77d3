"""THIRD_PARTY.md names everything that is fetched, and constraints.txt pins it."""

import re
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version
from ruamel.yaml import YAML

from kosplade.errors import UserError
from kosplade.tools import licences
from kosplade.tools.licences import licence_of, needed, read_requirements

ROOT = Path(__file__).parents[2]
REQUIREMENTS = read_requirements(ROOT / "requirements.txt")
# Those for this machine: the others are for another system or Python.
PINS = {
    canonicalize_name(pin.name): pin
    for pin in read_requirements(ROOT / "constraints.txt")
    if pin.marker is None or pin.marker.evaluate()
}
NEEDED = needed(REQUIREMENTS)


@pytest.fixture(autouse=True)
def _root(monkeypatch):
    monkeypatch.chdir(ROOT)


def pinned(requirement) -> str:
    [specifier] = requirement.specifier
    assert specifier.operator == "=="
    assert "*" not in specifier.version
    assert "+" not in specifier.version  # a build for CPUs or GPUs: either may be installed
    return specifier.version


def test_requirements_and_constraints_name_one_version_each():
    assert len({canonicalize_name(one.name) for one in REQUIREMENTS}) == len(REQUIREMENTS)
    for requirement in REQUIREMENTS:
        assert pinned(requirement) == pinned(PINS[canonicalize_name(requirement.name)]), requirement.name


def test_all_that_the_environment_needs_is_constrained_and_installed_so():
    assert len(NEEDED) > 100
    assert set(NEEDED) <= set(PINS)
    for name, package in NEEDED.items():
        assert Version(package.version).public == pinned(PINS[name]), name


def test_what_is_needed_is_found_through_extras_and_markers():
    found = needed(read_requirements(ROOT / "requirements.txt")[:0])
    assert found == {}
    direct = {canonicalize_name(one.name) for one in REQUIREMENTS}
    assert {"scmrepo", "pygit2", "cffi", "pycparser"} <= set(NEEDED) - direct  # dvc's, in four steps
    assert "pywin32" not in NEEDED


def test_what_is_not_installed_is_named(tmp_path):
    (tmp_path / "r.txt").write_text("# nothing\nno-such-package==1 # why\n")
    with pytest.raises(UserError, match=r"^no-such-package, which requirements.txt needs, is not installed. Run: make"):
        needed(read_requirements(tmp_path / "r.txt"))


def test_a_licence_is_an_expression_a_short_field_or_a_classifier():
    said = {name: licence_of(distribution(name)) for name in ("packaging", "tokenizers", "scipy", "protobuf", "pygit2")}
    assert said == {
        "packaging": "Apache-2.0 OR BSD-2-Clause",  # License-Expression
        "tokenizers": "Apache-2.0",  # a classifier
        "scipy": "BSD",  # its field holds the whole text
        "protobuf": "BSD-3-Clause",  # a field
        "pygit2": "GPLv2 with linking exception",
    }


def test_third_party_is_current_and_complete():
    text = (ROOT / "THIRD_PARTY.md").read_text(encoding="utf-8")
    assert text == licences.third_party()
    rows = {line.split("|")[1].strip(): line.split("|")[2].strip() for line in text.splitlines() if line[:2] == "| "}
    everything = {canonicalize_name(pin.name) for pin in read_requirements(ROOT / "constraints.txt")} | set(NEEDED)
    assert everything <= set(rows)
    groups = YAML(typ="safe").load((ROOT / "data/sources.yaml").read_text(encoding="utf-8"))
    for source in (source for group in groups.values() for source in group):
        assert rows[f"{source['package']} {source['version']}"] == source["licence"]
    datasets = YAML(typ="safe").load((ROOT / "data/registry.yaml").read_text(encoding="utf-8"))["datasets"]
    assert {entry["title"]: entry["licence"] for entry in datasets}.items() <= rows.items()
    assert not [name for name, licence in rows.items() if not re.search(r"\w", licence.replace("---", "x"))]


@pytest.fixture
def notices(tmp_path, monkeypatch):
    """A copy of data/licences.yaml that a test may change, by (before, after)."""

    def change(before: str, after: str) -> None:
        text = (ROOT / "data/licences.yaml").read_text(encoding="utf-8")
        assert text.count(before) == 1
        (tmp_path / "licences.yaml").write_text(text.replace(before, after), encoding="utf-8")
        monkeypatch.setattr(licences, "NOTICES", tmp_path / "licences.yaml")

    return change


def test_a_copyleft_licence_without_a_note_stops(notices):
    notices("  pygit2: GPL-2.0 with", "  other: with")
    with pytest.raises(UserError, match=r"^pygit2 is under GPLv2 with linking exception. Say in .*, notes, why"):
        licences.third_party()


def test_a_package_of_which_no_licence_is_known_stops(notices):
    notices("  pywin32: PSF-2.0\n", "")
    with pytest.raises(UserError, match=r"^no licence known of pywin32\. Add it to "):
        licences.third_party()


def test_the_file_is_written_whole_and_checked(tmp_path, monkeypatch):
    monkeypatch.setattr(licences, "THIRD_PARTY", tmp_path / "T.md")
    with pytest.raises(UserError, match=r"T\.md is out of date. Run: python -m kosplade.tools.licences"):
        licences.main(["--check"])
    licences.main([])
    licences.main(["--check"])
    assert (tmp_path / "T.md").read_bytes() == (ROOT / "THIRD_PARTY.md").read_bytes()
    with pytest.raises(UserError, match="the only option is --check"):
        licences.main(["--chekc"])
