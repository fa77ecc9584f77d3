"""JSONL that a user brings: streamed, each line checked, its texts NFC-normalised."""

import unicodedata
from collections.abc import Iterator
from pathlib import Path

from kosplade.errors import UserError
from kosplade.files import parse_json
from kosplade.records.text import has_half_character, is_blank


def read_jsonl(path: Path, required: tuple[str, ...] = ()) -> Iterator[dict]:
    """Stream the objects of a JSONL file, as `read_numbered` does."""
    return (record for _, record in read_numbered(path, required))


def read_numbered(path: Path, required: tuple[str, ...] = ()) -> Iterator[tuple[int, dict]]:
    """Stream (line number, object) of a JSONL file; blank lines are allowed.

    Top-level strings are NFC-normalised. `_id` is not, and may be blank: it is the collection's. Raises UserError for a
    file that cannot be opened, and with `file:line` for bytes that are not UTF-8, a line that is not a JSON object, a
    key that occurs twice, and a `required` field that is missing, not a string or blank.
    """
    try:
        with Path(path).open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield number, parse_line(line, f"{path}:{number}", required)
    except OSError as error:
        raise UserError(f"{path} cannot be opened ({error.strerror}). Put a file there.") from None


def parse_line(line: bytes, place: str, required: tuple[str, ...]) -> dict:
    """The object of one line at `place`, as `read_numbered` describes it."""
    try:
        record = parse_json(line.decode("utf-8-sig"))
    except ValueError as error:
        raise UserError(f"{place}: not valid JSON ({error}). Repair or remove the line.") from None
    if not isinstance(record, dict):
        raise UserError(f"{place}: a JSON object is expected, not {type(record).__name__}. Repair or remove the line.")
    return check_record(record, place, required)


def check_record(record: dict, place: str, required: tuple[str, ...]) -> dict:
    """The same of an object that is no line of JSON; its texts are normalised in place."""
    for key, value in record.items():
        if isinstance(value, str):
            if has_half_character(value):
                raise UserError(f"{place}: field '{key}' holds half a character (a lone surrogate). Repair the line.")
            if key != "_id":
                record[key] = unicodedata.normalize("NFC", value)
    for key in required:
        value = record.get(key)
        if not isinstance(value, str) or not value or (key != "_id" and is_blank(value)):
            raise UserError(f"{place}: field '{key}' is missing, blank or not a string. Repair or remove the line.")
    return record
