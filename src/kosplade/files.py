"""Reading and writing files: no output is ever half-written, and a broken file is named with its remedy."""

import json
import os
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from kosplade.errors import UserError, shown

Model = TypeVar("Model", bound=BaseModel)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a path beside `path` for a file or a folder; it becomes `path` if the block succeeds and is removed if not.

    The user's umask decides who may read it, whatever the library that wrote it prefers.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent) as scratch:
        target = Path(scratch) / path.name
        yield target
        _apply_umask(target)
        if path.is_dir():
            os.replace(path, Path(scratch) / "replaced")  # a folder cannot be renamed over another
        os.replace(target, path)


def _apply_umask(path: Path) -> None:
    os.umask(umask := os.umask(0))
    for one in (path, *path.rglob("*")):
        if not one.is_symlink():
            one.chmod((0o777 if one.is_dir() else 0o666) & ~umask)


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON; NaN and infinities are refused (ValueError)."""
    with replacing(path) as target:
        target.write_text(json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def write_jsonl(path: Path, records: Iterable[dict]) -> int:
    """Write one JSON object a line; return the number of lines."""
    count = 0
    with replacing(path) as target, target.open("w", encoding="utf-8") as out:
        for record in records:
            out.write(json.dumps(record, ensure_ascii=False) + "\n")
            count += 1
    return count


def write_tsv(path: Path, rows: list[dict]) -> None:
    """Write rows with the same keys as tab-separated values under a header, as DVC plots read them."""
    lines = ["\t".join(map(str, values)) for values in (rows[0], *(row.values() for row in rows))]
    with replacing(path) as target:
        target.write_text("\n".join(lines) + "\n", encoding="utf-8")


def read_tsv(path: Path) -> list[dict[str, str]]:
    """Read what `write_tsv` or dvclive wrote; a missing file is a UserError."""
    names, *rows = (line.split("\t") for line in _read(path, "Run: make repro").splitlines())
    return [dict(zip(names, row, strict=True)) for row in rows]


def read_json(path: Path, remedy: str) -> Any:
    """Read one JSON file; a missing or broken one is a UserError that ends with `remedy`."""
    try:
        return parse_json(_read(path, remedy))
    except ValueError as error:
        raise UserError(f"{path}: not JSON ({error}). {remedy}") from None


def parse_json(data: str) -> Any:
    """`json.loads`; ValueError also for a key that occurs twice and for nesting too deep to read."""
    try:
        return json.loads(data, object_pairs_hook=_object)
    except RecursionError:
        raise ValueError("brackets in brackets, too many to read") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        counts = Counter(key for key, _ in pairs)
        raise ValueError(f"key '{counts.most_common(1)[0][0]}' occurs twice")
    return found


def read_yaml(path: Path) -> Any:
    """Read a YAML file of the repository; a missing or broken one is a UserError."""
    try:
        return parse_yaml(_read(path, "Run from the root of the repository."))
    except ValueError as error:
        raise UserError(f"{path}: not valid YAML ({error}). Repair it.") from None


def read_model(path: Path, model: type[Model]) -> Model:
    """Read a YAML file of this repository in the shape of a pydantic model; another shape is a UserError."""
    try:
        return model.model_validate(read_yaml(path))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise UserError(f"{path}: {place}: {first['msg']}, not {shown(first['input'])}. Repair it.") from None


def parse_yaml(text: str) -> Any:
    """`yaml.safe_load`; ValueError for whatever is broken."""
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: a date such as 2001-99-99
        raise ValueError(" ".join(str(error).split())) from None


def _read(path: Path, remedy: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"{path} not found. {remedy}") from None
    except OSError as error:
        raise UserError(f"{path} cannot be opened ({error.strerror}). {remedy}") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 (byte {error.start}). {remedy}") from None
