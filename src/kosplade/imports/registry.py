"""data/registry.yaml: which data sets there are, where DVC gets them from, and what they become."""

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlparse

from kosplade.errors import UserError
from kosplade.files import read_yaml

REGISTRY = Path("data/registry.yaml")
IMPORTS = Path("data/imports")
ROLES = {
    "squad": {"train", "dev"},
    "beir": {"corpus", "queries", "qrels"},
    "miracl": {"topics", "qrels", "corpus"},
}
_TEXTS = ("name", "title", "size", "licence", "licence_note", "citation", "source", "format", "beir")


@dataclass(frozen=True)
class Download:
    """One call of DVC: the name its output gets, the arguments before it, what its .dvc file is to name."""

    name: str
    arguments: tuple[str, ...]
    pinned: str
    sha256: str | None = None


@dataclass(frozen=True)
class Dataset:
    """An entry of the registry; `files` are those that the converter of `format` reads, by role."""

    name: str
    title: str
    size: str
    licence: str
    licence_note: str
    citation: str
    format: str
    revisions: tuple[str, ...]
    verified: bool
    downloads: tuple[Download, ...]
    files: dict[str, tuple[str, ...]]
    train: Path | None
    beir: Path

    @property
    def folder(self) -> Path:
        """Where DVC puts the downloads and their .dvc files."""
        return IMPORTS / self.name


def find_dataset(name: str, registry: Path = REGISTRY) -> Dataset:
    """Return an entry by its name; a name that is not there lists those that are, as a UserError."""
    entries = {entry.name: entry for entry in read_registry(registry)}
    if name not in entries:
        known = ", ".join(f"{entry.name} ({entry.title})" for entry in entries.values())
        wanted = f"{registry} has no data set {name!r}" if name else "No data set was named"
        raise UserError(f"{wanted}. Run: make import DATASET=<name>. Known: {known}.")
    return entries[name]


def read_registry(registry: Path) -> list[Dataset]:
    """Read and check all entries; a broken file or entry is a UserError that names it."""
    content = read_yaml(registry)
    entries = content.get("datasets") if isinstance(content, dict) else None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise UserError(f"{registry}: a list of entries under 'datasets' is expected.")
    return [_dataset(entry, f"{registry}: data set {entry.get('name')!r}") for entry in entries]


def _dataset(entry: dict[str, Any], place: str) -> Dataset:
    for field in _TEXTS:
        if not isinstance(entry.get(field), str) or not entry[field].strip():
            raise UserError(f"{place}: field '{field}' is missing or not a text.")
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]*", entry["name"]):
        raise UserError(f"{place}: a name is lower-case letters, digits, '-' and '.'.")
    if entry["format"] not in ROLES:
        raise UserError(f"{place}: format '{entry['format']}' is none of {', '.join(ROLES)}.")
    if not isinstance(entry.get("verified"), bool):
        raise UserError(f"{place}: field 'verified' must be true or false.")
    is_squad = entry["format"] == "squad"
    if is_squad != isinstance(entry.get("train"), str):
        raise UserError(f"{place}: field 'train' belongs to the format squad, and only there.")
    return Dataset(
        **{field: entry[field] for field in _TEXTS if field not in ("source", "beir")},
        revisions=_texts(entry.get("revisions"), "revisions", place),
        verified=entry["verified"],
        downloads=_downloads(entry, place),
        files=_files(entry, place),
        train=Path(entry["train"]) if is_squad else None,
        beir=Path(entry["beir"]),
    )


def _downloads(entry: dict[str, Any], place: str) -> tuple[Download, ...]:
    if entry["source"] == "git":
        revisions = _texts(entry.get("revisions"), "revisions", place)
        url, path = _texts([entry.get("url"), entry.get("path")], "url and path", place)
        if len(revisions) != 1:
            raise UserError(f"{place}: a git source has one revision, not {len(revisions)}.")
        name = PurePosixPath(path).name
        return (Download(name, ("import", url, path, "--rev", revisions[0], "-o"), revisions[0]),)
    if entry["source"] != "url":
        raise UserError(f"{place}: source '{entry['source']}' is none of git, url.")
    found = []
    for item in entry.get("urls") or [None]:
        if not isinstance(item, dict) or not isinstance(item.get("url"), str):
            raise UserError(f"{place}: field 'urls' must be a list of entries with a 'url'.")
        name = PurePosixPath(urlparse(item["url"]).path).name
        found.append(Download(name, ("import-url", item["url"]), item["url"], item.get("sha256")))
    if len({download.name for download in found} - {""}) != len(found):
        raise UserError(f"{place}: two of its 'urls' end in the same name, or one in none.")
    return tuple(found)


def _files(entry: dict[str, Any], place: str) -> dict[str, tuple[str, ...]]:
    files, roles = entry.get("files"), ROLES[entry["format"]]
    if not isinstance(files, dict) or set(files) != roles:
        raise UserError(f"{place}: field 'files' must name {', '.join(sorted(roles))}.")
    return {role: _texts(names, f"files.{role}", place) for role, names in files.items()}


def _texts(values: object, field: str, place: str) -> tuple[str, ...]:
    if not isinstance(values, list) or not values or not all(isinstance(value, str) and value for value in values):
        raise UserError(f"{place}: field '{field}' is missing or holds something else than texts.")
    return tuple(values)
