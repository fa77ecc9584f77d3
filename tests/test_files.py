"""Files: no output is half-written, and bad input is named with its file and line."""

import json
import math
import os
import shutil
import signal
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest

from kosplade.errors import UserError
from kosplade.files import read_json, read_jsonl, replacing, write_json, write_jsonl


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_whole_and_only_at_the_end(tmp_path):
    path = tmp_path / "deep" / "er" / "a.txt"
    with replacing(path) as target:
        target.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"
    assert names(path.parent) == ["a.txt"]


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def fail():
        with replacing(path) as target:
            target.write_text("half")
            raise KeyError("in the middle")

    with pytest.raises(KeyError):
        fail()
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def write_folder(path, member, text, error=None):
    with replacing(path) as target:
        target.mkdir()
        (target / member).write_text(text)
        if error:
            raise error


def test_a_folder_is_replaced_with_all_that_was_in_it(tmp_path):
    path = tmp_path / "model"
    write_folder(path, "old.bin", "old")
    write_folder(path, "new.bin", "new")
    assert names(path) == ["new.bin"]
    assert (path / "new.bin").read_text() == "new"
    assert names(tmp_path) == ["model"]


def test_an_error_leaves_the_old_folder(tmp_path):
    path = tmp_path / "model"
    write_folder(path, "old.bin", "old")
    with pytest.raises(KeyboardInterrupt):
        write_folder(path, "new.bin", "new", KeyboardInterrupt())
    assert names(path) == ["old.bin"]
    assert names(tmp_path) == ["model"]


def test_a_block_that_writes_nothing_leaves_the_old_folder(tmp_path):
    path = tmp_path / "model"
    write_folder(path, "old.bin", "old")
    with pytest.raises(FileNotFoundError), replacing(path):
        pass
    assert names(path) == ["old.bin"]


WRITER = """
import sys, time
from kosplade.files import replacing
with replacing(sys.argv[1]) as target:
    target.write_text("half")
    print("writing", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def writer(tmp_path):
    """Another process that is in the middle of writing `model[1]`."""
    command = [sys.executable, "-c", WRITER, tmp_path / "model[1]"]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1] / "src")}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout.readline() == "writing\n"
        yield running
        running.kill()


def test_what_a_killed_process_left_is_removed_by_the_next_one(tmp_path, writer):
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    [left] = names(tmp_path)
    assert left.startswith(".model[1].")
    for other in ("model", "model[1].json"):  # theirs is not ours to remove
        (tmp_path / other).write_text("")
        with replacing(tmp_path / other) as target:
            target.write_text("")
    assert left in names(tmp_path)
    write_folder(tmp_path / "model[1]", "new.bin", "new")
    assert names(tmp_path) == ["model", "model[1]", "model[1].json"]


def test_what_a_living_process_writes_is_left_alone(tmp_path, writer):
    [theirs] = names(tmp_path)
    write_folder(tmp_path / "model[1]", "new.bin", "new")
    assert names(tmp_path) == [theirs, "model[1]"]
    assert (tmp_path / theirs / "model[1]").read_text() == "half"


def test_a_kill_between_two_renames_loses_no_folder(tmp_path):
    """The old folder has been moved aside, the new one has not come: the next writer, that fails, puts it back."""
    path = tmp_path / "model"
    write_folder(path, "old.bin", "old")
    scratch = tmp_path / ".model.abcd1234.tmp"
    scratch.mkdir()
    shutil.move(path, scratch / "replaced.old")
    with pytest.raises(KeyError):
        write_folder(path, "new.bin", "new", KeyError())
    assert names(path) == ["old.bin"]
    assert names(tmp_path) == ["model"]


def test_json_comes_back_as_it_went(tmp_path):
    value = {"이름": ["값", 1, 0.5, None, True]}
    write_json(tmp_path / "a.json", value)
    assert read_json(tmp_path / "a.json", "") == value
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert "이름" in text
    assert text.endswith("}\n")


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_json_refuses_what_is_no_number_and_keeps_the_old_file(tmp_path, number):
    path = tmp_path / "metrics.json"
    write_json(path, {"loss": 1.0})
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, {"loss": [number]})
    assert json.loads(path.read_text()) == {"loss": 1.0}
    assert names(tmp_path) == ["metrics.json"]


def test_read_json_names_the_file_and_the_remedy(tmp_path):
    path = tmp_path / "a.json"
    with pytest.raises(UserError) as error:
        read_json(path, "Run: dvc repro eval")
    assert str(error.value) == f"{path} not found. Run: dvc repro eval"
    path.write_text("{")
    with pytest.raises(UserError, match=r"a\.json: not JSON \(.*\)\. Run: dvc repro eval$"):
        read_json(path, "Run: dvc repro eval")


def test_jsonl_comes_back_as_it_went_and_is_counted(tmp_path):
    rows = [{"query": "질문", "n": 1}, {"query": "두\n줄"}]
    assert write_jsonl(tmp_path / "a.jsonl", iter(rows)) == 2
    assert len((tmp_path / "a.jsonl").read_text(encoding="utf-8").splitlines()) == 2
    assert list(read_jsonl(tmp_path / "a.jsonl")) == rows


def test_jsonl_that_breaks_off_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.jsonl"
    write_jsonl(path, [{"old": 1}])

    def rows():
        yield {"new": 1}
        raise KeyError("no more")

    with pytest.raises(KeyError):
        write_jsonl(path, rows())
    assert list(read_jsonl(path)) == [{"old": 1}]
    assert names(tmp_path) == ["a.jsonl"]


def read(tmp_path, data: bytes, required=("query",)):
    path = tmp_path / "a.jsonl"
    path.write_bytes(data)
    return list(read_jsonl(path, required))


GOOD = '{"query": "질문"}'.encode()


def test_byte_order_mark_windows_lines_and_blank_lines(tmp_path):
    data = b"\xef\xbb\xbf" + GOOD + b"\r\n\r\n  \n\n" + GOOD + b"\r\n" + GOOD
    assert read(tmp_path, data) == [{"query": "질문"}] * 3


def test_decomposed_hangul_is_composed(tmp_path):
    nfd = unicodedata.normalize("NFD", "질문")
    assert len(nfd) == 6  # ㅈㅣㄹ ㅁㅜㄴ
    assert read(tmp_path, json.dumps({"query": nfd}, ensure_ascii=False).encode()) == [{"query": "질문"}]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b'{"query": "a"', r"not valid JSON \(.*\)\. Repair or remove the line\."),
        (b"query", r"not valid JSON \(.*\)\. Repair or remove the line\."),
        (b'{"query": "\xff"}', r"not valid JSON \('utf-8' codec .*\)\. Repair or remove the line\."),
        (b'["query"]', r"a JSON object is expected, not list\."),
        (b"null", r"a JSON object is expected, not NoneType\."),
        (b"{}", r"field 'query' is missing, blank or not a string\."),
        (b'{"query": " \\t"}', r"field 'query' is missing, blank or not a string\."),
        (b'{"query": null}', r"field 'query' is missing, blank or not a string\."),
        (b'{"query": 5}', r"field 'query' is missing, blank or not a string\."),
        (b'{"query": ["a"]}', r"field 'query' is missing, blank or not a string\."),
    ],
)
def test_a_bad_line_is_named_with_blank_lines_counted(tmp_path, line, problem):
    with pytest.raises(UserError, match=rf"^\S+/a\.jsonl:3: {problem}$"):
        read(tmp_path, GOOD + b"\n\n" + line + b"\n" + GOOD)


def test_lines_before_a_bad_one_are_read(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(GOOD + b"\nbroken\n")
    rows = read_jsonl(path)
    assert next(rows) == {"query": "질문"}
    with pytest.raises(UserError):
        next(rows)


def test_fields_that_are_not_required_may_be_anything(tmp_path):
    assert read(tmp_path, b'{"query": 5}', required=()) == [{"query": 5}]
