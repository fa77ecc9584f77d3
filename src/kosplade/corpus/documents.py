"""What the readers of a source hand on, and the split a document belongs to."""

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True)
class Section:
    """Text, one paragraph a line, with the (kind, query) pairs that the source's structure gives for it."""

    text: str
    queries: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Document:
    """One document of a source; `name` is unique in the source and never changes."""

    source: str
    name: str
    title: str
    sections: tuple[Section, ...]

    @property
    def key(self) -> str:
        """A name that is unique over all sources."""
        return f"{self.source}/{self.name}"


@dataclass(frozen=True)
class Passage:
    """Whole sentences of one section of one document."""

    text: str
    document: Document
    section: int


def split_of(document: Document) -> str:
    """val (9 %), test (12 %) or train: by the document's name alone, so that no sample moves it."""
    percent = stable_hash(document.key) % 100
    return "val" if percent < 9 else "test" if percent < 21 else "train"


def stable_hash(*parts: object) -> int:
    """A 64-bit hash that is the same in every run and on every machine."""
    return int.from_bytes(hashlib.sha256("\0".join(map(str, parts)).encode()).digest()[:8], "big")
