"""data/registry.yaml: which data sets there are, where DVC gets them from, and what they become."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal
from urllib.parse import urlparse

from pydantic import BaseModel, Field, model_validator

from kosplade.errors import UserError
from kosplade.files import read_model

REGISTRY = Path("data/registry.yaml")
IMPORTS = Path("data/imports")
ROLES = {
    "squad": {"train", "dev"},
    "beir": {"corpus", "queries", "qrels"},
    "miracl": {"topics", "qrels", "corpus"},
}


@dataclass(frozen=True)
class Download:
    """One call of DVC: the name its output gets, the arguments before it, what its .dvc file is to name."""

    name: str
    arguments: tuple[str, ...]
    pinned: str
    sha256: str | None = None


class Url(BaseModel, extra="forbid", frozen=True):
    """An address, and the hash of what comes from it where somebody has published one."""

    url: str
    sha256: str | None = None


class Dataset(BaseModel, extra="forbid", frozen=True):
    """An entry of the registry; `files` are those that the converter of `format` reads, by role."""

    name: str
    title: str
    size: str
    licence: str
    licence_note: str
    citation: str
    source: Literal["url", "git"]
    revisions: tuple[str, ...] = Field(min_length=1)
    verified: bool
    urls: tuple[Url, ...] = ()
    url: str | None = None
    path: str | None = None
    format: Literal["squad", "beir", "miracl"]
    files: dict[str, tuple[str, ...]]
    train: str | None = None
    beir: str

    @model_validator(mode="after")
    def _fits_together(self) -> "Dataset":
        if set(self.files) != ROLES[self.format]:
            raise ValueError(f"files must name {', '.join(sorted(ROLES[self.format]))}")
        if (self.format == "squad") != (self.train is not None):
            raise ValueError("train belongs to the format squad, and only there")
        if not (self.urls if self.source == "url" else self.url and self.path):
            raise ValueError("a source url has urls; a source git has url and path")
        return self

    @property
    def folder(self) -> Path:
        """Where DVC puts the downloads and their .dvc files."""
        return IMPORTS / self.name

    @property
    def downloads(self) -> tuple[Download, ...]:
        """What DVC fetches, one call after the other."""
        if self.source == "git":
            revision = self.revisions[0]
            arguments = ("import", self.url, self.path, "--rev", revision, "-o")
            return (Download(PurePosixPath(self.path).name, arguments, revision),)
        return tuple(
            Download(PurePosixPath(urlparse(one.url).path).name, ("import-url", one.url), one.url, one.sha256)
            for one in self.urls
        )

    @property
    def outputs(self) -> list[Path]:
        """What is made of the downloads: training pairs, if any, and a BEIR folder."""
        return [Path(path) for path in (self.train, self.beir) if path]


class Registry(BaseModel, extra="forbid"):
    """The file."""

    datasets: list[Dataset]


def find_dataset(name: str, registry: Path = REGISTRY) -> Dataset:
    """Return an entry by its name; a name that is not there lists those that are, as a UserError."""
    entries = {entry.name: entry for entry in read_model(registry, Registry).datasets}
    if name not in entries:
        known = ", ".join(f"{entry.name} ({entry.title})" for entry in entries.values())
        wanted = f"{registry} has no data set {name!r}" if name else "No data set was named"
        raise UserError(f"{wanted}. Run: make import DATASET=<name>. Known: {known}.")
    return entries[name]
