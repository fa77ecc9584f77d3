"""Rows of downloaded files (JSON Lines, gzipped or not, Parquet, TSV, JSON), each in the shape of a pydantic model."""

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import pyarrow.parquet
from pydantic import BaseModel, ValidationError

from kosplade.errors import UserError, first_line

Model = TypeVar("Model", bound=BaseModel)
BROKEN = "Delete the file and its .dvc file, and run the same command again."


def rows(path: Path, model: type[Model]) -> Iterator[Model]:
    """Stream the rows of a file by the ending of its name; a .json file is one row.

    A .tsv file has no header: its fields are `model.columns`. Raises UserError with the file and the row (the line, of
    text) for one of another shape and for a broken file.
    """
    number = 0
    try:
        for number, row in _read(path):  # noqa: B007 - errors name it
            if path.suffix == ".tsv":
                row = dict(zip(model.columns, row.rstrip("\r\n").split("\t"), strict=False))
            yield model.model_validate(row) if isinstance(row, dict) else model.model_validate_json(row)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise UserError(f"{path}:{number}: {place}: {first['msg']}. {BROKEN}") from None
    except (OSError, EOFError, ValueError) as error:  # cut short, no gzip, no Parquet, no UTF-8
        raise UserError(f"{path}: broken after row {number} ({first_line(error)}). {BROKEN}") from None


def _read(path: Path) -> Iterator[tuple[int, dict | str]]:
    if path.suffix == ".parquet":
        with pyarrow.parquet.ParquetFile(path) as file:
            yield from enumerate((row for batch in file.iter_batches() for row in batch.to_pylist()), start=1)
        return
    with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8-sig", newline="\n") as lines:
        found = [lines.read()] if path.suffix == ".json" else lines
        yield from ((number, line) for number, line in enumerate(found, start=1) if line.strip())
