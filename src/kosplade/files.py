"""Reading and writing files so that bad input is named and no output is ever half-written."""

import json
import os
import shutil
import tempfile
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from kosplade.errors import UserError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` if the block succeeds, remove it if not."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    target = scratch / path.name
    try:
        yield target
        if path.is_dir() and target.exists():
            os.replace(path, scratch / "replaced.old")
        os.replace(target, path)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON; NaN and infinities are refused (ValueError)."""
    with replacing(path) as target:
        target.write_text(json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def write_tsv(path: Path, rows: list[dict]) -> None:
    """Write rows with the same keys as tab-separated values under a header, as DVC plots read them."""
    lines = ["\t".join(map(str, values)) for values in (rows[0], *(row.values() for row in rows))]
    with replacing(path) as target:
        target.write_text("\n".join(lines) + "\n", encoding="utf-8")


def read_tsv(path: Path) -> list[dict[str, str]]:
    """Read what `write_tsv` or dvclive wrote; a missing file is a UserError."""
    try:
        names, *rows = (line.split("\t") for line in Path(path).read_text(encoding="utf-8").splitlines())
    except FileNotFoundError:
        raise UserError(f"{path} not found. Run: make repro") from None
    return [dict(zip(names, row, strict=True)) for row in rows]


def read_json(path: Path, remedy: str) -> Any:
    """Read one JSON file; a missing or broken one is a UserError that ends with `remedy`."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path} not found. {remedy}") from None
    except ValueError as error:
        raise UserError(f"{path}: not JSON ({error}). {remedy}") from None


def read_yaml(path: Path) -> Any:
    """Read a YAML file of the repository; a missing or broken one is a UserError.

    YAML 1.2: `-S train.learning_rate=1e-05`, written without a dot, stays a number.
    """
    try:
        return YAML(typ="safe", pure=True).load(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path} not found. Run from the root of the repository.") from None
    except (YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None


def write_jsonl(path: Path, records: Iterable[dict]) -> int:
    """Write one JSON object a line; return the number of lines."""
    count = 0
    with replacing(path) as target, target.open("w", encoding="utf-8") as out:
        for record in records:
            out.write(json.dumps(record, ensure_ascii=False) + "\n")
            count += 1
    return count


def read_jsonl(path: Path, required: tuple[str, ...] = ()) -> Iterator[dict]:
    """Stream the objects of a JSONL file, as `read_numbered` does."""
    return (record for _, record in read_numbered(path, required))


def read_numbered(path: Path, required: tuple[str, ...] = ()) -> Iterator[tuple[int, dict]]:
    """Stream (line number, object) of a JSONL file, their top-level strings NFC-normalised; blank lines are allowed.

    Raises UserError with `file:line` for bytes that are not UTF-8, a line that is not a JSON object,
    and a `required` field that is missing, not a string or blank.
    """
    with Path(path).open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                yield number, _parse_line(line, f"{path}:{number}", required)


def has_half_character(text: str) -> bool:
    """Whether a text holds a lone surrogate, which JSON can write and UTF-8 cannot."""
    return any("\ud800" <= c <= "\udfff" for c in text)


def _parse_line(line: bytes, place: str, required: tuple[str, ...]) -> dict:
    try:
        record = json.loads(line.decode("utf-8-sig"))
    except ValueError as error:
        raise UserError(f"{place}: not valid JSON ({error}). Repair or remove the line.") from None
    if not isinstance(record, dict):
        raise UserError(f"{place}: a JSON object is expected, not {type(record).__name__}.")
    for key, value in record.items():
        if isinstance(value, str):
            record[key] = unicodedata.normalize("NFC", value)
            if has_half_character(value):
                raise UserError(f"{place}: field '{key}' holds half a character (a lone surrogate). Repair the line.")
    for key in required:
        value = record.get(key)
        if not isinstance(value, str) or not value.strip():
            raise UserError(f"{place}: field '{key}' is missing, blank or not a string.")
    return record
