"""`dvc import` and `dvc import-url` into data/imports/<name>: pinned by a .dvc file, fetched once."""

import hashlib
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from kosplade.errors import UserError
from kosplade.files import read_yaml
from kosplade.tools.imports.registry import Dataset, Download


def fetch(dataset: Dataset, say: Callable[[str], None]) -> dict[str, dict[str, str]]:
    """Make sure that every download of a data set is there; `say` gets a line for each.

    A download with its .dvc file is left as it is, so that `dvc update` holds; where only the .dvc file is there (a
    fresh clone), DVC fetches what it names. Returns by name what the .dvc file names (`from`: a revision or an address)
    and the md5 of what came. UserError: what DVC said.
    """
    dataset.folder.mkdir(parents=True, exist_ok=True)
    try:
        return {download.name: _fetch(dataset.folder, download, say) for download in dataset.downloads}
    finally:
        if not any(dataset.folder.iterdir()):
            dataset.folder.rmdir()


def _fetch(folder: Path, download: Download, say: Callable[[str], None]) -> dict[str, str]:
    target = folder / download.name
    pin = folder / f"{download.name}.dvc"
    if not pin.exists():
        if target.exists():
            raise UserError(f"{target} has no {pin.name} beside it. Move it, and run the same command again.")
        say(f"{target}: dvc {' '.join(download.arguments)}")
        _dvc(*download.arguments, str(target))
    elif not target.exists():
        say(f"{target}: fetching what {pin.name} names")
        _dvc("update", str(pin))
    else:
        say(f"{target}: there already")
    pinned, md5 = _recorded(pin)
    if pinned != download.pinned:
        say(f"{pin} names {pinned}, the registry {download.pinned}: the former stays. Delete {folder} for the latter.")
    elif download.sha256:
        _verify(target, download.sha256)
    return {"from": pinned, "md5": md5}


def _recorded(pin: Path) -> tuple[str, str]:
    """What a .dvc file of DVC's names, a revision or an address, and the md5 of what came."""
    recorded = read_yaml(pin)
    (dependency,), (output,) = recorded["deps"], recorded["outs"]
    return dependency["repo"]["rev"] if "repo" in dependency else dependency["path"], output["md5"]


def _dvc(*arguments: str) -> None:
    """Run DVC; its failure is a UserError with what it said."""
    done = subprocess.run([sys.executable, "-m", "dvc", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        # ERROR: failed to import X. You could also try ... - REASON
        said = re.search(r"(?m)^ERROR: (?:failed to import .* - )?(.+)", done.stderr)
        reason = (said[1] if said else done.stderr.strip())[:300].rstrip(".")
        raise UserError(f"dvc {' '.join(arguments)} failed: {reason}. Check the network and data/registry.yaml.")


def _verify(path: Path, sha256: str) -> None:
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != sha256:
        raise UserError(
            f"{path} has sha256 {found}, not {sha256}. Delete {path.parent} and run the same command again."
        )
