"""data/registry.yaml: which data sets there are, where DVC gets them from, and what they become."""

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlparse

from kosplade.errors import UserError, shown
from kosplade.files import has_half_character, read_yaml

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
    entries = {entry.name: entry for entry in read_registry(registry)}  # no name twice: read_registry sees to it
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
    found = [_dataset(entry, f"{registry}: data set {shown(entry.get('name'))}") for entry in entries]
    names = [dataset.name for dataset in found]
    if twice := [name for name in names if names.count(name) > 1]:
        raise UserError(f"{registry}: data set {twice[0]!r} is there twice. Rename one.")
    return found


def _dataset(entry: dict[str, Any], place: str) -> Dataset:
    for field in _TEXTS:
        value = entry.get(field)
        if not isinstance(value, str) or not value.strip() or has_half_character(value):
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
        train=_inside(entry["train"], "train", place) if is_squad else None,
        beir=_inside(entry["beir"], "beir", place),
    )


def _downloads(entry: dict[str, Any], place: str) -> tuple[Download, ...]:
    if entry["source"] == "git":
        revisions = _texts(entry.get("revisions"), "revisions", place)
        url, path = _texts([entry.get("url"), entry.get("path")], "url and path", place)
        if len(revisions) != 1:
            raise UserError(f"{place}: a git source has one revision, not {len(revisions)}.")
        name = _name(path, place)
        return (Download(name, ("import", url, path, "--rev", revisions[0], "-o"), revisions[0]),)
    if entry["source"] != "url":
        raise UserError(f"{place}: source '{entry['source']}' is none of git, url.")
    found = []
    urls = entry.get("urls")
    for item in urls if isinstance(urls, list) and urls else [None]:
        if not isinstance(item, dict) or not isinstance(item.get("url"), str):
            raise UserError(f"{place}: field 'urls' must be a list of entries with a 'url'.")
        (url,) = _texts([item["url"]], "url", place)
        sha256 = item.get("sha256")
        if sha256 is not None and not (isinstance(sha256, str) and re.fullmatch(r"[0-9a-f]{64}", sha256)):
            raise UserError(f"{place}: field 'sha256' of {shown(url)} must be 64 hexadecimal digits.")
        try:
            path = urlparse(url).path
        except ValueError as error:
            raise UserError(f"{place}: {shown(url)} is no address ({error}).") from None
        found.append(Download(_name(path, place), ("import-url", url), url, sha256))
    if len({download.name for download in found}) != len(found):
        raise UserError(f"{place}: two of its 'urls' end in the same name, or one in none.")
    return tuple(found)


def _name(path: str, place: str) -> str:
    """What a download is called: the last part of its path."""
    name = PurePosixPath(path).name
    if name in ("", "..") or "\0" in name:
        raise UserError(f"{place}: two of its 'urls' end in the same name, or one in none.")
    return name


def _inside(path: str, field: str, place: str) -> Path:
    """A path below the repository's root, where an import may write."""
    parts = PurePosixPath(path).parts
    if not parts or parts[0] != "data" or len(parts) < 2 or ".." in parts or "\0" in path:
        raise UserError(f"{place}: field '{field}' must be a path below data/, not {shown(path)}.")
    return Path(path)


def _files(entry: dict[str, Any], place: str) -> dict[str, tuple[str, ...]]:
    files, roles = entry.get("files"), ROLES[entry["format"]]
    if not isinstance(files, dict) or set(files) != roles:
        raise UserError(f"{place}: field 'files' must name {', '.join(sorted(roles))}.")
    found = {role: _texts(names, f"files.{role}", place) for role, names in files.items()}
    for name in (name for names in found.values() for name in names):
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts or "\0" in name:
            raise UserError(f"{place}: 'files' names {shown(name)}, which leads out of {IMPORTS}.")
    return found


def _texts(values: object, field: str, place: str) -> tuple[str, ...]:
    if not isinstance(values, list) or not values or not all(map(_is_text, values)):
        raise UserError(f"{place}: field '{field}' is missing or holds something else than texts.")
    return tuple(values)


def _is_text(value: object) -> bool:
    """Whether a value can be an argument of a command: a text, not blank, that no program reads as an option."""
    return isinstance(value, str) and bool(value.strip()) and value[0] != "-" and not has_half_character(value)
