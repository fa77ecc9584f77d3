"""A folder of encoded documents: Parquet shards, what was rejected beside them, and a manifest that says what they are.

    manifest.json               of which model and inputs; with the totals once everything is encoded
    00000-00000.parquet         <file>-<shard>: _id, title, text, text_sha256, pieces (list of int32), weights (float32)
    rejected/00000-00000.jsonl  lines of that shard that are no documents: error, line

A shard appears whole or not at all, after what was rejected of it. Shards hold title and text, so that an index needs
nothing else, and are inputs themselves.
"""

import json
import secrets
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs
from scipy.sparse import csr_matrix, vstack

from kosplade.errors import UserError, first_line, shown
from kosplade.files import parse_json
from kosplade.records.document import Document
from kosplade.records.inputs import FIELDS, Shard, Source, open_place
from kosplade.retrieval.beir import Collection

MANIFEST = "manifest.json"
_SCHEMA = pa.schema(
    [(name, pa.string()) for name in (*FIELDS, "text_sha256")]
    + [("pieces", pa.list_(pa.int32())), ("weights", pa.list_(pa.float32()))]
)


_COUNTS = ("nnz", "rejected")  # of a shard, in the metadata of its file


@dataclass(frozen=True)
class Encoded:
    """Some documents and their vectors, CSR [N, V]."""

    documents: list[Document]
    vectors_NV: csr_matrix


@dataclass(frozen=True)
class Folder:
    """Where shards lie: a path, or a URI that pyarrow opens."""

    place: str

    @cached_property
    def _opened(self) -> tuple[fs.FileSystem, str]:
        return open_place(self.place)

    def begin(self, about: dict) -> dict[int, set[int]]:
        """Write the manifest of a new folder, or find that it says the same; return the shards that are there, by file.

        Raises UserError for a folder of another model, of other options or inputs, and for one of something else.
        """
        system, path = self._opened
        try:
            system.create_dir(path, recursive=True)
            found = system.get_file_info(fs.FileSelector(path))
            names = {one.base_name for one in found if not one.base_name.endswith(".tmp")}
            if MANIFEST in names:
                self._check_same(about)
            elif names:
                raise UserError(f"--output: {self.place} holds other files. Choose a new folder.")
            else:
                self._write(MANIFEST, _to_json(about))
        except (OSError, pa.ArrowException) as error:
            raise UserError(
                f"--output: {self.place} cannot be written ({first_line(error)}). Choose another."
            ) from None
        done: dict[int, set[int]] = {}
        for name in names:
            if name.endswith(".parquet"):
                file, shard = name.removesuffix(".parquet").split("-")
                done.setdefault(int(file), set()).add(int(shard))
        return done

    def _check_same(self, about: dict) -> None:
        held = self.manifest()
        for key, value in about.items():
            if held.get(key) != value:
                raise UserError(
                    f"--output: {self.place} was made with another '{key}' ({MANIFEST}). "
                    "Choose a new folder, or delete this one."
                )

    def manifest(self) -> dict:
        """What the shards are of. UserError where there is none, or a broken one."""
        system, path = self._opened
        try:
            with system.open_input_file(f"{path}/{MANIFEST}") as file:
                return parse_json(file.read().decode())
        except (OSError, ValueError, pa.ArrowException) as error:
            raise UserError(
                f"{self.place}: no folder of encoded documents ({first_line(error)}). "
                "Make one: python -m kosplade.tools.encode"
            ) from None

    def write(self, file: int, shard: Shard, vectors_NV: csr_matrix) -> None:
        """Write a shard, after what was rejected of it."""
        name = f"{file:05d}-{shard.number:05d}"
        if shard.rejected:
            self._opened[0].create_dir(f"{self._opened[1]}/rejected")
            lines = (json.dumps(one, ensure_ascii=False) + "\n" for one in shard.rejected)
            self._write(f"rejected/{name}.jsonl", "".join(lines).encode())
        sink = pa.BufferOutputStream()
        counts = {"nnz": str(vectors_NV.nnz), "rejected": str(len(shard.rejected))}
        table = _to_table(shard.documents, vectors_NV).replace_schema_metadata(counts)
        pq.write_table(table, sink, compression="zstd")
        self._write(f"{name}.parquet", sink.getvalue())

    def finish(self, about: dict) -> dict:
        """Add the totals to the manifest: documents, nnz and rejected lines. Return it."""
        system, path = self._opened
        totals = Counter(shards=0, documents=0, nnz=0, rejected=0)
        for one in system.get_file_info(fs.FileSelector(path)):
            if one.extension == "parquet":
                with system.open_input_file(one.path) as opened:
                    metadata = pq.ParquetFile(opened).metadata
                counts = {name: int(metadata.metadata[name.encode()]) for name in _COUNTS}
                totals.update({"shards": 1, "documents": metadata.num_rows} | counts)
            elif one.extension == "tmp":  # of a process that was killed
                system.delete_file(one.path)
        manifest = about | totals
        self._write(MANIFEST, _to_json(manifest))
        return manifest

    def read(self) -> Iterator[Encoded]:
        """Every shard, in order. UserError for a folder that is not complete."""
        vocabulary = self.check_complete()["vocabulary"]
        system, path = self._opened
        for one in sorted(system.get_file_info(fs.FileSelector(path)), key=lambda one: one.path):
            if one.extension == "parquet":
                with system.open_input_file(one.path) as opened:
                    yield _from_table(pq.read_table(opened), one.path, vocabulary)

    def vectors_of(self, collection: Collection) -> csr_matrix:
        """The vectors of the collection's documents in its order, CSR [N, V].

        UserError for a document that is not here with the same text.
        """
        left = {id_: number for number, id_ in enumerate(collection.document_ids)}
        order, blocks = [], []
        for encoded in self.read():
            rows = []
            for row, document in enumerate(encoded.documents):
                if document.id in left and collection.documents[left[document.id]] == document.whole:
                    rows.append(row)
                    order.append(left.pop(document.id))
            blocks.append(encoded.vectors_NV[rows])
        if left:
            raise UserError(
                f"--vectors: {self.place} lacks {len(left)} documents as the collection has them, the first "
                f"{shown(next(iter(left)))}. Encode them: python -m kosplade.tools.encode"
            )
        return vstack(blocks, format="csr")[np.argsort(order)]

    def check_complete(self) -> dict:
        """The manifest, which holds totals. UserError where the encoding was interrupted."""
        manifest = self.manifest()
        if "documents" not in manifest:
            raise UserError(f"{self.place} is not complete. Run the command that writes it again.")
        return manifest

    def _write(self, name: str, data: bytes | pa.Buffer) -> None:
        system, path = self._opened
        scratch = f"{path}/{name}.{secrets.token_hex(4)}.tmp"
        with system.open_output_stream(scratch) as out:
            out.write(data)
        system.move(scratch, f"{path}/{name}")


def about(model: str, vocabulary: int, options: dict, sources: Sequence[Source]) -> dict:
    """What a manifest says from the beginning: the model's fingerprint, all that decides the vectors, the inputs."""
    return {"model": model, "vocabulary": vocabulary} | options | {"inputs": [asdict(one) for one in sources]}


def _to_json(value: dict) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=2) + "\n").encode()


def _to_table(documents: list[Document], vectors_NV: csr_matrix) -> pa.Table:
    offsets = vectors_NV.indptr.astype(np.int32)
    return pa.Table.from_arrays(
        [
            pa.array([one.id for one in documents], pa.string()),
            pa.array([one.title for one in documents], pa.string()),
            pa.array([one.text for one in documents], pa.string()),
            pa.array([one.sha256 for one in documents], pa.string()),
            pa.ListArray.from_arrays(offsets, pa.array(vectors_NV.indices.astype(np.int32))),
            pa.ListArray.from_arrays(offsets, pa.array(vectors_NV.data.astype(np.float32))),
        ],
        schema=_SCHEMA,
    )


def _from_table(table: pa.Table, place: str, vocabulary: int) -> Encoded:
    table = table.combine_chunks()
    rows = zip(*(table[name].to_pylist() for name in FIELDS), strict=True)
    documents = [Document(f"{place}:{n}", *fields) for n, fields in enumerate(rows, start=1)]
    if not documents:
        return Encoded([], csr_matrix((0, vocabulary), dtype=np.float32))
    pieces, weights = table["pieces"].chunk(0), table["weights"].chunk(0)
    vectors = (weights.flatten().to_numpy(), pieces.flatten().to_numpy(), pieces.offsets.to_numpy())
    return Encoded(documents, csr_matrix(vectors, shape=(len(documents), vocabulary)))
