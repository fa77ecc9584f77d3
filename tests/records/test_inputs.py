"""What is read of each form, how it is cut into shards, and what is said of lines and files that are broken."""

import json

import pytest
from tools.encode.conftest import FORMS, RECORDS, write_records

from kosplade.errors import UserError
from kosplade.records.inputs import find_sources, read_shards


def ids(shard):
    return [document.id for document in shard.documents]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("prefix", ["", "file://"])
def test_every_form_gives_the_same_shards(tmp_path, form, prefix):
    [source] = find_sources([prefix + write_records(tmp_path / f"docs{form}", RECORDS)])
    shards = list(read_shards(source, 4))
    assert [(shard.number, len(shard.documents)) for shard in shards] == [(0, 4), (1, 4), (2, 2)]
    read = [{"_id": d.id, "title": d.title, "text": d.text} for shard in shards for d in shard.documents]
    assert read == RECORDS
    assert shards[1].documents[0].place == f"{source.place}:5"
    assert [ids(shard) for shard in read_shards(source, 4, {0, 2})] == [["d4", "d5", "d6", "d7"]]


def test_a_folder_is_its_files_by_name(tmp_path):
    (tmp_path / "more").mkdir()
    for name in ("b.jsonl", "a.parquet", "more/c.jsonl.gz", ".hidden.jsonl", "notes.txt"):
        write_records(tmp_path / name, RECORDS[:1])
    found = [source.place.removeprefix(f"{tmp_path}/") for source in find_sources([str(tmp_path) + "/"])]
    assert found == ["a.parquet", "b.jsonl", "more/c.jsonl.gz"]


@pytest.mark.parametrize(
    ("places", "said"),
    [
        (["none.jsonl"], "none.jsonl not found. Name"),
        (["notes.txt"], r"notes.txt: none of .jsonl, .jsonl.gz, .jsonl.zst, .parquet. Name"),
        (["a.jsonl", "a.jsonl"], "a.jsonl is named twice"),
        (["nothing://a.jsonl"], "nothing://a.jsonl: no such place .* Name a path, or a URI"),
    ],
)
def test_what_cannot_be_found_is_named(tmp_path, monkeypatch, places, said):
    monkeypatch.chdir(tmp_path)
    for name in ("a.jsonl", "notes.txt"):
        write_records(tmp_path / name, RECORDS)
    with pytest.raises(UserError, match=said):
        find_sources(places)


def test_lines_that_are_no_documents_stand_aside_with_their_place(tmp_path):
    lines = [json.dumps(record) for record in RECORDS[:2]]
    file = tmp_path / "a.jsonl"
    file.write_text("\n".join([lines[0], "oops", "", '{"_id": "x", "text": " "}', lines[1], '{"text": "w5"}']) + "\n")
    [shard] = read_shards(*find_sources([str(file)]), 100)
    assert ids(shard) == ["d0", "d1"]
    assert [one["line"] for one in shard.rejected] == ["oops", '{"_id": "x", "text": " "}', '{"text": "w5"}']
    errors = [one["error"].rpartition("/")[2] for one in shard.rejected]
    assert [error.split(" ")[0] for error in errors] == ["a.jsonl:2:", "a.jsonl:4:", "a.jsonl:6:"]
    assert "not valid JSON" in errors[0]
    assert "a document without title or text" in errors[1]
    assert "field '_id' is missing" in errors[2]


def test_rows_of_parquet_that_are_no_documents_stand_aside_too(tmp_path):
    rows = [{"_id": "a", "text": "w5"}, {"_id": None, "text": "w6"}, {"_id": "c", "text": None}]
    [shard] = read_shards(*find_sources([write_records(tmp_path / "a.parquet", rows)]), 100)
    assert ids(shard) == ["a"]
    assert [one["error"].split(": ")[0].rpartition("/")[2] for one in shard.rejected] == ["a.parquet:2", "a.parquet:3"]


@pytest.mark.parametrize("form", FORMS[1:])
def test_a_file_that_ends_too_early_is_named(tmp_path, form):
    path = tmp_path / f"a{form}"
    write_records(path, RECORDS * 1000)
    path.write_bytes(path.read_bytes()[:-20])
    [source] = find_sources([str(path)])
    with pytest.raises(UserError, match=rf"a{form} cannot be read \(.*\)\. Repair it or leave it out"):
        list(read_shards(source, 100))
