"""Training files: every record comes through as it is, or the first line that cannot is named."""

import hashlib
import json

import pytest
from fuzz.cases import case, outcome, share
from fuzz.lines import bad_lines, blank_lines, encoded, good_lines
from fuzz.texts import damaged
from hypothesis import given
from hypothesis import strategies as st

from kosplade.corpus.folder import LEDGER
from kosplade.corpus.user import prepare_user
from kosplade.files import read_numbered
from kosplade.records.arrow import open_triplets, write_triplets
from kosplade.records.record import read_records, read_training
from kosplade.records.text import text_key
from kosplade.retrieval.beir import read_collection

LONG = 10_000_000
good = good_lines().map(lambda pair: (*pair, False))
blank = blank_lines.map(lambda line: (line, None, False))
bad = bad_lines.map(lambda line: (line, None, True))


@share(16)
@given(lines=st.lists(st.one_of(good, good, good, blank, bad), max_size=6), end=st.sampled_from([b"", b"\n", b"\n\n"]))
def test_every_line_is_a_record_or_the_error(folder, lines, end):
    path = folder / "train_a.jsonl"
    path.write_bytes(b"\n".join(line for line, _, _ in lines) + end)
    found = []
    first = bad_first(lines)
    with case("training records"):
        _, message = outcome(lambda: found.extend(read_records(path)))
        assert (message or "").startswith(f"{path}:{first}: " if first else "")
        assert (message is None) == (not first)
        assert found == [record for _, record, _ in (lines[: first - 1] if first else lines) if record]


def bad_first(lines) -> int:
    """Number of the first bad line, 0 if there is none."""
    return next((number for number, (_, _, is_bad) in enumerate(lines, start=1) if is_bad), 0)


@share(8)
@given(data=st.lists(good_lines(), min_size=1, max_size=3).flatmap(lambda g: damaged(b"\n".join(x for x, _ in g))))
def test_a_damaged_file_loses_no_line_in_silence(folder, data):
    path = folder / "train_b.jsonl"
    path.write_bytes(data)
    with case("damaged JSONL"):
        found, message = outcome(lambda: list(read_numbered(path)))
        if message is None:
            assert [number for number, _ in found] == [
                number for number, line in enumerate(data.split(b"\n"), start=1) if line.strip()
            ]
        else:
            assert message.startswith(f"{path}:")
            assert message.removeprefix(f"{path}:").partition(":")[0].isdecimal()


@share(6)
@given(
    lines=st.lists(st.one_of(good, good, good, blank, bad), max_size=8),
    given_val=st.none() | st.lists(good, max_size=2),
    val_queries=st.integers(1, 3),
    max_passages=st.integers(0, 3),
)
def test_a_users_folder_is_prepared_whole_or_left_alone(tmp_path_factory, lines, given_val, val_queries, max_passages):
    folder = tmp_path_factory.mktemp("user")
    (folder / "train_a.jsonl").write_bytes(b"\n".join(line for line, _, _ in lines))
    if given_val is not None:
        (folder / "val.jsonl").write_bytes(b"\n".join(line for line, _, _ in given_val))
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    records = [record for _, record, _ in lines if record]
    said: list[str] = []
    with case("a user's folder"):
        counts, message = outcome(lambda: prepare_user(folder, val_queries, max_passages, said.append))
        assert (message is not None) >= bool(bad_first(lines))
        if message is not None:
            assert str(folder) in message
            assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
            return
        training = list(read_training(folder))
        held_out = 0 if given_val is not None else counts["queries"]
        assert counts["records"] == len(records) == len(training) + held_out + counts["repeating"]
        trained = {(record.query, record.positive) for record in training}
        whole = [record for record in records if (record.query, record.positive) in trained]
        assert len(whole) == len(training)
        lost = sum(len(record.negatives) for record in whole) - sum(len(record.negatives) for record in training)
        assert (lost, bool(said)) == (counts["negatives"], bool(counts["negatives"] or counts["repeating"]))
        held = {text_key(record.query) for record in read_records(folder / "val.jsonl")}
        assert held.isdisjoint(text_key(record.query) for record in training)
        collection = read_collection(folder, "val")
        assert len(collection.documents) == counts["passages"]
        assert write_triplets(folder / "train.arrow", training) == len(training)
        assert list(open_triplets(folder / "train.arrow")) == training


@pytest.mark.parametrize("name", ["../outside.txt", "/tmp/outside.txt", "a/../../outside.txt", "\0", "qrels"])
def test_a_ledger_that_names_other_files_deletes_none(tmp_path, name):
    folder = tmp_path / "data"
    (folder / "qrels").mkdir(parents=True)
    outside = tmp_path / "outside.txt"
    outside.write_text("mine")
    digest = hashlib.sha256(b"mine").hexdigest()
    (folder / LEDGER).write_text(json.dumps({name: digest}))
    (folder / "train_a.jsonl").write_text('{"query": "q", "positive": "p"}\n{"query": "r", "positive": "s"}\n')
    _, message = outcome(lambda: prepare_user(folder, 1, 0, print))
    assert outside.read_text() == "mine"
    if name != "qrels":
        assert f"{LEDGER}: " in message


@pytest.mark.parametrize("ledger", ["[]", "7", "null", '{"a": {"b": 1}}', "{", '{"a": 1, "a": 2}', "[" * 100_000])
def test_a_ledger_of_another_form(tmp_path, ledger):
    (tmp_path / LEDGER).write_text(ledger)
    (tmp_path / "train_a.jsonl").write_text('{"query": "q", "positive": "p"}\n{"query": "r", "positive": "s"}\n')
    counts, message = outcome(lambda: prepare_user(tmp_path, 1, 0, print))
    assert f"{tmp_path / LEDGER}: " in message if message else counts["records"] == 2


@pytest.mark.parametrize("piece", ["가", "질문 ", "\u200b", "a.", "\ufeff"])
def test_a_line_of_ten_megabytes(tmp_path, piece):
    path = tmp_path / "train_long.jsonl"
    text = piece * (LONG // len(piece.encode())) + "끝"
    path.write_text('{"query": "q", "positive": ' + encoded(text, escape=False) + "}\n", encoding="utf-8")
    (record,) = read_records(path)
    assert record.positive == text
    path.write_text('{"query": "q", "positive": ' + encoded(text, escape=False) + "\n", encoding="utf-8")
    _, message = outcome(lambda: list(read_records(path)))
    assert message.startswith(f"{path}:1: not valid JSON")
