"""Reading and writing files so that bad input is named and no output is ever half-written."""

import contextlib
import fcntl
import glob
import json
import os
import shutil
import tempfile
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent

from kosplade.errors import UserError

REPLACED = "replaced.old"  # in a scratch folder: the folder that was there before
DEEPEST_YAML = 20  # groups in groups: files of the project have four
_UNSEEN = {"Cc", "Cf", "Co", "Cs", "Zl", "Zp", "Zs"}  # Unicode categories
_FILLERS = "\u115f\u1160\u2800\u3164\uffa0\ufffd"  # letters and signs that show nothing, or that none was there


@contextmanager
def scratch_beside(path: Path) -> Iterator[Path]:
    """Yield an empty folder beside `path` for what is to become it; removed at the end.

    What a killed process has left for the same `path` is removed first. A lock tells: it ends with its process.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f".{glob.escape(path.name)}.????????.tmp"):
        _clear(left, path)
    scratch, lock = _locked_folder(path)
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        os.close(lock)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` if the block succeeds, remove it if not."""
    path = Path(path)
    with scratch_beside(path) as scratch:
        target = scratch / path.name
        yield target
        if path.is_dir() and target.exists():
            os.replace(path, scratch / REPLACED)
        os.replace(target, path)


def _locked_folder(path: Path) -> tuple[Path, int]:
    """A new folder beside `path` and the descriptor that locks it until it is closed or this process ends."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent))
        # Between two calls here another process may take the folder for one that was left, and remove it.
        with contextlib.suppress(FileNotFoundError):
            descriptor = os.open(folder, os.O_RDONLY)
            if locked(descriptor) is not False and folder.exists():
                return folder, descriptor
            os.close(descriptor)


def _clear(left: Path, path: Path) -> None:
    """Remove a scratch folder whose process is gone; `path` as it was before, if the kill fell between two renames."""
    with contextlib.suppress(FileNotFoundError):
        descriptor = os.open(left, os.O_RDONLY)
        try:
            if locked(descriptor):
                if not path.exists() and (left / REPLACED).exists():
                    os.replace(left / REPLACED, path)
                shutil.rmtree(left, ignore_errors=True)
        finally:
            os.close(descriptor)


def locked(descriptor: int) -> bool | None:
    """Whether the lock is ours now; None where the file system has no such locks (nothing is cleared there)."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


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
        return parse_json(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path} not found. {remedy}") from None
    except OSError as error:
        raise UserError(f"{path} cannot be opened ({error.strerror}). {remedy}") from None
    except ValueError as error:
        raise UserError(f"{path}: not JSON ({error}). {remedy}") from None


def read_yaml(path: Path) -> Any:
    """Read a YAML file of the repository as `parse_yaml` does; a missing or broken one is a UserError."""
    try:
        return parse_yaml(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path} not found. Run from the root of the repository.") from None
    except OSError as error:
        raise UserError(f"{path} cannot be opened ({error.strerror}). Put a file there.") from None
    except ValueError as error:
        raise UserError(f"{path}: not valid YAML: {error}") from None


def parse_yaml(text: str) -> Any:
    """YAML 1.2: `-S train.learning_rate=1e-05`, written without a dot, stays a number. ValueError for what is broken.

    Aliases are refused: a few lines of them can stand for gigabytes.
    """
    try:
        _check_events(text)
        return YAML(typ="safe", pure=True).load(text)
    except Exception as error:  # beside YAMLError whatever a value makes its own type raise: 2001-99-99, !!float x
        raise ValueError(" ".join(str(error).split())) from None


def _check_events(text: str) -> None:
    """Raise YAMLError, with the line, for aliases and for nesting that would exhaust a recursive reader."""
    depth = 0
    for event in YAML(typ="safe", pure=True).parse(text):
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        where = f"line {event.start_mark.line + 1}"
        if isinstance(event, AliasEvent):
            raise YAMLError(f"{where}: alias *{event.anchor}. Write the value out.")
        if depth > DEEPEST_YAML:
            raise YAMLError(f"{where}: more than {DEEPEST_YAML} groups in groups. Write it flat.")


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

    Raises UserError for a file that cannot be opened, and with `file:line` for bytes that are not UTF-8, a line that is
    not a JSON object, a key that occurs twice, and a `required` field that is missing, not a string or blank.
    """
    try:
        with Path(path).open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield number, _parse_line(line, f"{path}:{number}", required)
    except OSError as error:
        raise UserError(f"{path} cannot be opened ({error.strerror}). Put a file there.") from None


def has_half_character(text: str) -> bool:
    """Whether a text holds a lone surrogate, which JSON can write and UTF-8 cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def is_blank(text: str) -> bool:
    """Whether nothing of a text can be seen: it holds blanks, control characters and invisible marks alone."""
    return all(c in _FILLERS or unicodedata.category(c) in _UNSEEN for c in text)


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


def _parse_line(line: bytes, place: str, required: tuple[str, ...]) -> dict:
    try:
        record = parse_json(line.decode("utf-8-sig"))
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
        if not isinstance(value, str) or is_blank(value):
            raise UserError(f"{place}: field '{key}' is missing, blank or not a string.")
    return record
