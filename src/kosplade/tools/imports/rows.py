"""What downloaded files hold: rows of JSONL, of gzipped JSONL and of Parquet, one member of a tar archive."""

import gzip
import io
import tarfile
import unicodedata
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow.parquet
from pyarrow import ArrowException

from kosplade.errors import UserError
from kosplade.files import parse_json
from kosplade.records.jsonl import read_numbered
from kosplade.records.text import has_half_character, is_blank

BYTES_LIMIT = 1 << 29  # of a file that is read into memory whole, of a line, of a packed file unpacked
BROKEN = "Delete the file and its .dvc file, and run the same command again."


def rows(path: Path) -> Iterator[tuple[str, dict]]:
    """Stream (place, row) of a .parquet, .jsonl.gz or .jsonl file; a broken file is a UserError with its place."""
    if path.suffix == ".parquet":
        yield from _parquet(path)
    elif path.suffix == ".gz":
        yield from _gzipped(path)
    else:
        yield from ((f"{path}:{number}", row) for number, row in read_numbered(path))


def text(row: dict, field: str, place: str) -> str:
    """A field that must be a text and not blank."""
    value = row.get(field)
    if not isinstance(value, str) or is_blank(value) or has_half_character(value):
        raise UserError(f"{place}: field '{field}' is missing, blank or no whole text. {BROKEN}")
    return value


def identifier(row: dict, field: str, place: str) -> str:
    """An id: a text, NFC as its readers compare it, that a line of tab-separated values can hold.

    A blank at an end, a tab or a line break would not come back as it went.
    """
    value = unicodedata.normalize("NFC", text(row, field, place))
    if value != value.strip() or len(value.splitlines()) > 1 or "\t" in value:
        raise UserError(f"{place}: field '{field}' has a blank at an end, a tab or a line break in it. {BROKEN}")
    return value


def read_bytes(folder: Path, reference: str) -> bytes:
    """Read "file" or "archive.tar.gz#member" into memory; missing, broken or larger than BYTES_LIMIT is a UserError."""
    name, _, member = reference.partition("#")
    path = folder / name
    if not path.is_file():
        raise UserError(f"{path} is not among what was imported. Check 'files' in data/registry.yaml.")
    if member:
        return read_tar_member(path, member, BYTES_LIMIT)
    if path.stat().st_size > BYTES_LIMIT:
        raise UserError(f"{path} is larger than the {BYTES_LIMIT:,} bytes expected.")
    return path.read_bytes()


def read_tar_member(archive: Path, member: str, limit: int) -> bytes:
    """Read one file of a .tar.gz in memory; nothing is unpacked.

    UserError: no such file, a broken archive, more than `limit` bytes in all, a name that leads out of the archive.
    """
    found: bytes | None = None
    total = 0
    try:
        # Headers count too: what is unpacked is bounded, whatever the archive claims.
        with gzip.open(archive) as packed, tarfile.open(fileobj=_Bounded(packed, archive, limit), mode="r|") as tar:
            for info in tar:
                name = PurePosixPath(info.name)
                if name.is_absolute() or ".." in name.parts:
                    raise UserError(f"{archive}: member '{info.name}' leads out of the archive. Do not use it.")
                total += info.size
                if total > limit:
                    raise UserError(f"{archive} holds more than the {limit:,} bytes expected.")
                if name == PurePosixPath(member) and info.isreg():  # a link would be followed
                    found = tar.extractfile(info).read()
    except (UserError, MemoryError):
        raise
    except Exception as error:  # beside TarError and zlib.error whatever a damaged header makes tarfile raise
        raise UserError(f"{archive} is no whole .tar.gz ({error}). {BROKEN}") from None
    if found is None:
        raise UserError(f"{archive} has no file {member}. Check 'files' in data/registry.yaml.")
    return found


class _Bounded(io.RawIOBase):
    """The bytes of a stream, up to a tenth and a megabyte more than `limit`; then a UserError."""

    def __init__(self, stream: gzip.GzipFile, archive: Path, limit: int) -> None:
        self._stream, self._archive, self._limit = stream, archive, limit
        self._left = limit + limit // 10 + (1 << 20)

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes."""
        data = self._stream.read(min(size, self._left) if size >= 0 else self._left)
        self._left -= len(data)
        if not self._left:
            raise UserError(f"{self._archive} holds more than the {self._limit:,} bytes expected.")
        return data


def _gzipped(path: Path) -> Iterator[tuple[str, dict]]:
    number = 0
    try:
        with gzip.open(path) as lines:
            while line := lines.readline(BYTES_LIMIT):
                number += 1
                if len(line) == BYTES_LIMIT:
                    raise UserError(f"{path}: a line of more than {BYTES_LIMIT:,} bytes ({number}). {BROKEN}")
                if line.strip():
                    row: Any = parse_json(line.decode("utf-8-sig"))
                    if not isinstance(row, dict):
                        raise UserError(f"{path}:{number}: a JSON object is expected, not {type(row).__name__}.")
                    yield f"{path}:{number}", row
    except (UserError, MemoryError):
        raise
    except Exception as error:  # a file cut short, no gzip at all, no UTF-8, no JSON
        raise UserError(f"{path}: broken after line {max(0, number - 1)} ({error}). {BROKEN}") from None


def _parquet(path: Path) -> Iterator[tuple[str, dict]]:
    number = 0
    try:
        for batch in pyarrow.parquet.ParquetFile(path).iter_batches():
            for row in batch.to_pylist():
                number += 1
                yield f"{path}: row {number}", row
    except (ArrowException, OSError, ValueError, OverflowError) as error:  # ValueError: a text that is not UTF-8
        raise UserError(f"{path}: no whole Parquet file ({' '.join(str(error).split())}). {BROKEN}") from None
