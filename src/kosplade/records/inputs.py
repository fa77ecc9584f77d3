"""Collections of documents as they lie about: JSONL, compressed or not, and Parquet; a file, a folder or a URI."""

import io
import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from kosplade.errors import UserError, first_line
from kosplade.records.document import Document, to_document
from kosplade.records.jsonl import check_record, parse_line

COMPRESSIONS = {".jsonl": None, ".jsonl.gz": "gzip", ".jsonl.zst": "zstd"}
PARQUET = ".parquet"
FIELDS = ("_id", "title", "text")
_AT_ONCE = 1024  # rows in memory


@dataclass(frozen=True)
class Source:
    """One file: `place` is a path or a URI; size and time of its last change tell whether it is still the same."""

    place: str
    size: int
    changed: str


@dataclass(frozen=True)
class Shard:
    """The `number`-th lot of lines of a source, from 0: documents, and {error, line} of what is none."""

    number: int
    documents: list[Document]
    rejected: list[dict[str, str]]

    def to_json(self) -> str:
        """As it travels to another process."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Shard":
        """Back again."""
        fields = json.loads(text)
        return cls(fields["number"], [Document(**one) for one in fields["documents"]], fields["rejected"])


def find_sources(places: Iterable[str]) -> list[Source]:
    """The files that `places` name, those of folders by name; hidden ones and other kinds are left out.

    Raises UserError for a place that is not there or cannot be read, one without such files, and a file named twice.
    """
    sources: dict[str, Source] = {}
    for place in places:
        system, path = open_place(place)
        try:
            info = system.get_file_info(path)
            if info.type == fs.FileType.NotFound:
                raise UserError(f"{place} not found. Name a file, a folder or a URI.")
            within = info.type == fs.FileType.Directory
            files = system.get_file_info(fs.FileSelector(path, recursive=True)) if within else [info]
        except (OSError, pa.ArrowException) as error:
            raise UserError(f"{place} cannot be read ({first_line(error)}). Make it readable.") from None
        kept = [one for one in files if one.is_file and _suffix(one.path) and not one.base_name.startswith(".")]
        if not kept:
            raise UserError(f"{place}: none of {', '.join([*COMPRESSIONS, PARQUET])}. Name files of these kinds.")
        for one in sorted(kept, key=lambda one: one.path):
            named = place.rstrip("/") + one.path.removeprefix(path)
            if named in sources:
                raise UserError(f"{named} is named twice. Leave one out.")
            sources[named] = Source(named, one.size, str(one.mtime))
    return list(sources.values())


def read_shards(source: Source, lines: int, done: Collection[int] = ()) -> Iterator[Shard]:
    """Shards of `lines` lines each, in order; those whose number is in `done` are passed over unread.

    Raises UserError for a file that ends in the middle or is none of its kind.
    """
    rows = _rows(source)
    number = 0
    while batch := list(islice(rows, lines)):
        if number not in done:
            yield _shard(number, batch)
        number += 1


def read_texts(source: Source, rejected: list[str] | None = None) -> Iterator[str]:
    """What is encoded of every document. Errors of lines that are none are added to `rejected`.

    Raises UserError as `read_shards`, and without `rejected` for the first such line.
    """
    for shard in read_shards(source, _AT_ONCE):
        for one in shard.rejected:
            if rejected is None:
                raise UserError(one["error"])
            rejected.append(one["error"])
        yield from (document.whole for document in shard.documents)


def _shard(number: int, batch: list[tuple[str, bytes | dict]]) -> Shard:
    documents, rejected = [], []
    for place, row in batch:
        try:
            if isinstance(row, dict):
                documents.append(to_document(place, check_record(row, place, ("_id",))))
            elif row.strip():
                documents.append(to_document(place, parse_line(row, place, ("_id",))))
        except UserError as error:
            line = row.decode(errors="backslashreplace").rstrip("\n") if isinstance(row, bytes) else str(row)
            rejected.append({"error": str(error), "line": line})
    return Shard(number, documents, rejected)


def _rows(source: Source) -> Iterator[tuple[str, bytes | dict]]:
    """(`file:line`, the line, or the row of a Parquet file)."""
    system, path = open_place(source.place)
    suffix = _suffix(path)
    try:
        if suffix == PARQUET:
            with system.open_input_file(path) as opened:
                number = 0
                file = pq.ParquetFile(opened)
                columns = [name for name in FIELDS if name in file.schema_arrow.names]
                for batch in file.iter_batches(batch_size=_AT_ONCE, columns=columns):
                    for row in batch.to_pylist():
                        number += 1
                        yield f"{source.place}:{number}", row
        else:
            with system.open_input_stream(path, compression=COMPRESSIONS[suffix]) as opened:
                for number, line in enumerate(io.BufferedReader(opened, 1 << 20), start=1):
                    yield f"{source.place}:{number}", line
    except (OSError, pa.ArrowException) as error:
        raise UserError(f"{source.place} cannot be read ({first_line(error)}). Repair it or leave it out.") from None


def open_place(place: str) -> tuple[fs.FileSystem, str]:
    """The file system of a path or URI, and the path in it."""
    if "://" not in place:
        return fs.LocalFileSystem(), place.rstrip("/") or place
    try:
        return fs.FileSystem.from_uri(place.rstrip("/"))
    except (OSError, pa.ArrowException) as error:
        raise UserError(f"{place}: no such place ({first_line(error)}). Name a path, or a URI as s3://.") from None


def _suffix(path: str) -> str | None:
    return next((suffix for suffix in [*COMPRESSIONS, PARQUET] if path.endswith(suffix)), None)
