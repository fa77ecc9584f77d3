"""A document of a collection, as BEIR has them: id, title and text."""

import hashlib
from dataclasses import dataclass

from kosplade.errors import UserError
from kosplade.records.text import is_blank


@dataclass(frozen=True)
class Document:
    """A line of corpus.jsonl; `place` is `file:line`."""

    place: str
    id: str
    title: str
    text: str

    @property
    def whole(self) -> str:
        """What is encoded: title, a line break, text; either alone where the other is blank."""
        return "\n".join(part for part in (self.title, self.text) if not is_blank(part))

    @property
    def sha256(self) -> str:
        """Hex, of title and text, told apart by a byte that neither holds as such."""
        return hashlib.sha256(f"{self.title}\0{self.text}".encode()).hexdigest()


def to_document(place: str, record: dict, *, with_titles: bool = True) -> Document:
    """A record of corpus.jsonl as a document; UserError, with `place`, where it is none."""
    fields = ("title", "text") if with_titles else ("text",)
    parts = {field: "" if record.get(field) is None else record[field] for field in fields}
    if not all(isinstance(part, str) for part in parts.values()):
        raise UserError(f"{place}: a {' or '.join(fields)} that is not a string. Repair or remove the line.")
    document = Document(place, record["_id"], **{"title": ""} | parts)
    if not document.whole:
        raise UserError(f"{place}: a document without {' or '.join(fields)}. Fill or remove it.")
    return document
