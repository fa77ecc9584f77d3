"""A small random model exported as a folder, and documents in every form in which they may come."""

import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tiny_export import write_tiny_export

RECORDS = [
    {"_id": f"d{i}", "title": "w9" * (i % 3 == 0), "text": f"w{5 + i % 35} w{5 + i * 7 % 35}"} for i in range(10)
]
FORMS = (".jsonl", ".jsonl.gz", ".jsonl.zst", ".parquet")


def write_records(path, records):
    """A file of one of FORMS; return its path as text."""
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(records), path)
        return str(path)
    data = "".join(json.dumps(record) + "\n" for record in records).encode()
    if path.suffix == ".gz":
        data = gzip.compress(data)
    elif path.suffix == ".zst":
        data = pa.compress(data, codec="zstd", asbytes=True)
    path.write_bytes(data)
    return str(path)


@pytest.fixture
def export(tmp_path, word_tokenizer):
    write_tiny_export(tmp_path / "export", word_tokenizer)
    return tmp_path / "export"
