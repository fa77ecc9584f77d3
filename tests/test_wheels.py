"""Wheels: the cache, the hash, reading without extraction."""

import hashlib
import zipfile

import pytest

from kosplade.errors import UserError
from kosplade.wheels import fetch_wheel, members, read_member


@pytest.fixture
def cached(tmp_path, monkeypatch):
    """A cache with one small wheel, and the sources file that pins it."""
    monkeypatch.setenv("KOSPLADE_CACHE", str(tmp_path / "cache"))
    wheel = tmp_path / "cache/tiny-1.0-py3-none-any.whl"
    wheel.parent.mkdir()
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tiny/a.txt", "가나다")
        archive.writestr("tiny/b.md", "b")
    sources = tmp_path / "sources.yaml"
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    sources.write_text(
        f"texts:\n  - {{name: tiny, package: tiny, version: '1.0', wheel: {wheel.name}, sha256: {digest}}}\n"
    )
    return wheel, sources


def test_a_cached_wheel_is_read_without_pip(cached):
    wheel, sources = cached
    assert fetch_wheel("tiny", sources) == wheel
    assert members(wheel, "tiny/", ".md") == ["tiny/b.md"]
    assert read_member(wheel, "tiny/a.txt", 100).decode() == "가나다"


def test_a_changed_wheel_names_both_hashes_and_the_remedy(cached):
    wheel, sources = cached
    pinned = hashlib.sha256(wheel.read_bytes()).hexdigest()
    wheel.write_bytes(wheel.read_bytes() + b"x")
    found = hashlib.sha256(wheel.read_bytes()).hexdigest()
    with pytest.raises(UserError) as error:
        fetch_wheel("tiny", sources)
    message = str(error.value)
    assert pinned in message
    assert found in message
    assert str(wheel) in message
    assert "Delete it" in message
    assert "\n" not in message


def test_without_a_network_the_package_and_the_cache_are_named(cached, monkeypatch):
    wheel, sources = cached
    wheel.unlink()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(UserError, match=r"tiny==1\.0 .*place tiny-1\.0-py3-none-any\.whl in ") as error:
        fetch_wheel("tiny", sources)
    assert "\n" not in str(error.value)
    assert not list(wheel.parent.iterdir())


def test_an_unknown_source_lists_the_known_ones(cached):
    with pytest.raises(UserError, match="Known: tiny"):
        fetch_wheel("huge", cached[1])


def test_members_are_checked_for_presence_and_size(cached):
    with pytest.raises(UserError, match=r"has no file tiny/c\.txt"):
        read_member(cached[0], "tiny/c.txt", 100)
    with pytest.raises(UserError, match="larger than the 8 bytes"):
        read_member(cached[0], "tiny/a.txt", 8)


@pytest.mark.parametrize("where", ["zipfile.ZipExtFile.read", "zipfile.ZipFile._RealGetContents"])
def test_too_little_memory_is_not_the_wheels_fault(cached, monkeypatch, where):
    def read(*_):
        raise MemoryError

    monkeypatch.setattr(where, read)
    with pytest.raises(MemoryError):
        read_member(cached[0], "tiny/a.txt", 100)
