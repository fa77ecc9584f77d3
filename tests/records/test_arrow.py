"""The memory-mapped training records: round trip, access, bytes, damage."""

import pickle

import numpy as np
import pyarrow as pa
import pytest
from refused import message

from kosplade.errors import UserError
from kosplade.records.arrow import ROWS_A_BATCH, open_triplets, write_triplets
from kosplade.records.record import Record

RECORDS = [
    Record("질문 하나", "답은 하나입니다. 🙂", ("아닙니다.", "n2"), "title"),
    Record("q2", "p2", (), ""),
    Record("줄\n바꿈", "p3", ("하나",), "question"),
]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "train.arrow"


def many(count):
    return [
        Record(f"질문 {n}", f"답 {n}", tuple(f"아님 {n} {k}" for k in range(n % 3)), "k" * (n % 2))
        for n in range(count)
    ]


def write(path, records):
    assert write_triplets(path, iter(records)) == len(records)
    return open_triplets(path)


def test_what_was_written_is_read_in_its_order(path):
    triplets = write(path, RECORDS)
    assert len(triplets) == 3
    assert list(triplets) == RECORDS
    assert triplets[-1] == RECORDS[2]
    with pytest.raises(IndexError):
        triplets[3]


@pytest.mark.parametrize("count", [0, 1, ROWS_A_BATCH, 2 * ROWS_A_BATCH + 7])
def test_random_access_equals_sequential_access(path, count):
    records = many(count)
    triplets = write(path, records)
    assert list(triplets) == records
    picked = [*range(max(0, count - 3), count), *np.random.default_rng(0).permutation(count)[:200]]
    assert [triplets[i] for i in picked] == [records[i] for i in picked]
    sent = pickle.dumps(triplets)  # a worker process gets a map and no copy
    assert len(sent) < 4096
    assert list(pickle.loads(sent)) == records


def test_equal_records_give_equal_bytes_and_batches_hold_some_thousand(path, tmp_path):
    write(path, many(2 * ROWS_A_BATCH + 7))
    write(tmp_path / "again.arrow", open_triplets(path))
    assert (tmp_path / "again.arrow").read_bytes() == path.read_bytes()
    with pa.memory_map(str(path)) as file:
        reader = pa.ipc.open_file(file)
        assert [len(reader.get_batch(n)) for n in range(3)] == [ROWS_A_BATCH, ROWS_A_BATCH, 7]


def test_a_failure_leaves_the_earlier_file(path):
    write(path, RECORDS)

    def broken():
        yield RECORDS[1]
        raise UserError("stop")

    with pytest.raises(UserError, match="stop"):
        write_triplets(path, broken())
    assert list(open_triplets(path)) == RECORDS
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[: len(data) // 2],
        lambda data: b"\0" * (len(data) - 8) + data[-8:],
        lambda data: b"",
    ],
)
def test_a_damaged_file(path, damage):
    write(path, many(2 * ROWS_A_BATCH))
    path.write_bytes(damage(path.read_bytes()))
    text = message(open_triplets, path)
    assert text.startswith(f"{path} cannot be read (")
    assert text.endswith("Run: dvc repro -f prepare")


def test_another_table_and_no_file(path):
    table = pa.table({"query": ["q"], "answer": ["a"]})
    with pa.OSFile(str(path), "wb") as out, pa.ipc.new_file(out, table.schema) as writer:
        writer.write_table(table)
    assert "its columns are query, answer" in message(open_triplets, path)
    path.unlink()
    assert message(open_triplets, path).endswith("not found. Run: dvc repro prepare")


@pytest.mark.parametrize(
    ("found", "damage"),
    [
        ("질문".encode(), b"\xff" * 6),
        # The three offsets into the queries "질문 하나", "q2", "줄\n바꿈", after the leading 0.
        (np.int32([13, 15, 25]).tobytes(), np.int32([1 << 30, 15, 25]).tobytes()),
    ],
)
def test_a_damaged_record_is_an_error_when_it_is_read(path, found, damage):
    write(path, RECORDS)
    data = path.read_bytes()
    assert data.count(found) == 1
    path.write_bytes(data.replace(found, damage))
    triplets = open_triplets(path)
    assert triplets[2] == RECORDS[2]
    for read in (lambda: triplets[0], lambda: list(triplets)):
        assert message(read).startswith(f"{path} cannot be read (")
