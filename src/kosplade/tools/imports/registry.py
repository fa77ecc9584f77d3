"""data/registry.yaml: which data sets there are, where DVC gets them from, and what they become."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import urlparse

from pydantic import BaseModel, model_validator

from kosplade.errors import UserError
from kosplade.files import read_model
from kosplade.paths import USER_DATA

REGISTRY = Path("data/registry.yaml")
IMPORTS = Path("data/imports")
ROLES = ({"train", "dev"}, {"corpus", "queries", "qrels"})


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


class Git(BaseModel, extra="forbid", frozen=True):
    """A file or folder of a Git repository at one commit."""

    url: str
    path: str
    revision: str


class Dataset(BaseModel, extra="forbid", frozen=True):
    """An entry of the registry: where DVC gets it from, and the files that are converted, by role.

    Roles are train and dev of SQuAD's JSON, or corpus, queries and qrels of a collection with judgements.
    """

    name: str
    title: str
    size: str
    licence: str
    licence_note: str
    citation: str
    urls: tuple[Url, ...] = ()
    git: Git | None = None
    files: dict[str, tuple[str, ...]]

    @model_validator(mode="after")
    def _fits_together(self) -> "Dataset":
        if set(self.files) not in ROLES:
            raise ValueError(f"files must name {' or '.join(', '.join(sorted(roles)) for roles in ROLES)}")
        if bool(self.urls) == bool(self.git):
            raise ValueError("either urls or git says where it comes from")
        return self

    @property
    def folder(self) -> Path:
        """Where DVC puts the downloads and their .dvc files."""
        return IMPORTS / self.name

    @property
    def train(self) -> Path | None:
        """The training pairs that are made of it, None if there are none in it."""
        return USER_DATA / f"train_{self.name}.jsonl" if "train" in self.files else None

    @property
    def beir(self) -> Path:
        """The BEIR folder that is made of it, judgements in qrels/test.tsv."""
        return Path("data/beir") / self.name

    @property
    def downloads(self) -> tuple[Download, ...]:
        """What DVC fetches, one call after the other."""
        if self.git:
            arguments = ("import", self.git.url, self.git.path, "--rev", self.git.revision, "-o")
            return (Download(PurePosixPath(self.git.path).name, arguments, self.git.revision),)
        return tuple(
            Download(PurePosixPath(urlparse(one.url).path).name, ("import-url", one.url), one.url, one.sha256)
            for one in self.urls
        )


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
