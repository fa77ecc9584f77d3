"""Training records in one memory-mapped Arrow file: any record is read without loading the others."""

import itertools
import mmap
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from kosplade.errors import UserError
from kosplade.files import replacing
from kosplade.records.record import Record

SCHEMA = pa.schema(
    {
        "query": pa.string(),
        "positive": pa.string(),
        "negatives": pa.list_(pa.string()),
        "kind": pa.string(),
        "answers": pa.list_(pa.uint64()),
    }
)
# Every batch has as many, the last one perhaps fewer: that alone says where a record is.
ROWS_A_BATCH = 4096


def write_triplets(path: Path, records: Iterable[Record]) -> int:
    """Write the records in their order; return their number. Memory does not grow with the stream."""
    count = 0
    stream = iter(records)
    with replacing(path) as target, pa.OSFile(str(target), "wb") as out, pa.ipc.new_file(out, SCHEMA) as writer:
        while rows := list(map(vars, itertools.islice(stream, ROWS_A_BATCH))):
            writer.write_batch(pa.RecordBatch.from_pylist(rows, schema=SCHEMA))
            count += len(rows)
    return count


class Triplets(Sequence[Record]):
    """Records by number, from 0, or in file order. Raises UserError for records that are damaged when they are read."""

    def __init__(self, path: Path, reader: pa.ipc.RecordBatchFileReader) -> None:
        self._path = path
        self._reader = reader
        whole = max(0, reader.num_record_batches - 1)
        self._length = whole * ROWS_A_BATCH + sum(len(self._batch(n)) for n in range(whole, reader.num_record_batches))

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> Record:
        number, row = divmod(range(self._length)[index], ROWS_A_BATCH)
        return self._records(self._batch(number).slice(row, 1))[0]

    def __iter__(self) -> Iterator[Record]:
        for number in range(self._reader.num_record_batches):
            yield from self._records(self._batch(number))

    def __reduce__(self) -> tuple:
        # Another process maps the file itself.
        return open_triplets, (self._path,)

    def _batch(self, number: int) -> pa.RecordBatch:
        try:
            return self._reader.get_batch(number)
        except (OSError, pa.ArrowException) as error:
            raise _damaged(self._path, error) from None

    def _records(self, batch: pa.RecordBatch) -> list[Record]:
        try:
            # In full, the negatives of the whole batch are checked: too slow for one record of it.
            batch.validate(full=len(batch) > 1)
            rows = batch.to_pylist()
        except (pa.ArrowInvalid, UnicodeDecodeError, SystemError) as error:  # SystemError: a text of negative length
            raise _damaged(self._path, error) from None
        return [Record(**row | {name: tuple(row[name]) for name in ("negatives", "answers")}) for row in rows]


def open_triplets(path: Path) -> Triplets:
    """Map what `write_triplets` wrote, in a time that does not grow with it.

    Raises UserError if the file is missing, cut short or no such file.
    """
    try:
        with Path(path).open("rb") as file:
            # Not pa.memory_map: it has the kernel fetch the whole batch around a record that is read.
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        reader = pa.ipc.open_file(pa.py_buffer(mapped))
    except FileNotFoundError:
        raise UserError(f"{path} not found. Run: dvc repro prepare") from None
    except (OSError, ValueError, pa.ArrowException) as error:
        raise _damaged(path, error) from None
    if reader.schema != SCHEMA:
        raise _damaged(path, f"its columns are {', '.join(reader.schema.names)}")
    return Triplets(path, reader)


def _damaged(path: Path, reason: object) -> UserError:
    return UserError(f"{path} cannot be read ({' '.join(str(reason).split())}). Run: dvc repro -f prepare")
