"""Wheels: the cache, the hash, reading without extraction."""

import hashlib
import json
import zipfile
from pathlib import Path

import pytest
from refused import message

from kosplade.errors import UserError
from kosplade.wheels import fetch_wheel, members, read_member


@pytest.fixture
def cached(tmp_path, monkeypatch):
    """A cache with one small wheel, and a function that pins it in a sources file."""
    monkeypatch.setenv("KOSPLADE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    wheel = tmp_path / "cache/tiny-1.0-py3-none-any.whl"
    wheel.parent.mkdir()
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tiny/a.txt", "가나다")
        archive.writestr("tiny/b.md", "b")
    pin = {"name": "tiny", "package": "tiny", "version": "1.0", "licence": "MIT", "taken": "nothing"}
    pin |= {"wheel": wheel.name, "sha256": hashlib.sha256(wheel.read_bytes()).hexdigest()}

    def pinned(**changes: str) -> Path:
        path = tmp_path / "sources.yaml"
        path.write_text(json.dumps({"texts": [pin | changes]}))
        return path

    return wheel, pinned


def test_a_cached_wheel_is_read_without_pip(cached):
    wheel, pinned = cached
    assert fetch_wheel("tiny", pinned()) == wheel
    assert members(wheel, "tiny/", ".md") == ["tiny/b.md"]
    assert read_member(wheel, "tiny/a.txt", 9).decode() == "가나다"


def test_a_changed_wheel_names_both_hashes_and_the_remedy(cached):
    wheel, pinned = cached
    sources = pinned()
    hashes = [hashlib.sha256(wheel.read_bytes() + more).hexdigest() for more in (b"", b"x")]
    wheel.write_bytes(wheel.read_bytes() + b"x")
    said = message(fetch_wheel, "tiny", sources)
    assert all(part in said for part in (*hashes, str(wheel), "Delete it"))


def test_without_a_network_the_package_and_the_cache_are_named(cached):
    wheel, pinned = cached
    wheel.unlink()
    said = message(fetch_wheel, "tiny", pinned())
    assert "tiny==1.0" in said
    assert f"place {wheel.name} in {wheel.parent}" in said
    assert not list(wheel.parent.iterdir())


def test_an_unknown_source_lists_the_known_ones(cached):
    assert "Known: tiny" in message(fetch_wheel, "huge", cached[1]())


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("package", "--index-url=http://x"), ("wheel", "../../x.whl"), ("sha256", "0")),
        *(("share", "0"), ("unknown", "x")),
    ],
)
def test_a_pin_of_another_form_is_named(cached, key, value):
    assert f"texts.0.{key}: " in message(fetch_wheel, "tiny", cached[1](**{key: value}))


def test_members_are_checked_for_presence_and_size(cached):
    with pytest.raises(UserError, match=r"has no file tiny/c\.txt"):
        read_member(cached[0], "tiny/c.txt", 100)
    with pytest.raises(UserError, match="larger than the 8 bytes"):
        read_member(cached[0], "tiny/a.txt", 8)
