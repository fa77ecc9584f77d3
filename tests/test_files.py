"""Files: no output is half-written, the umask holds, and what cannot be read is named with its remedy."""

import json
import math
import os

import pytest
import torch
from pydantic import BaseModel
from safetensors.torch import save_file

from kosplade.errors import UserError
from kosplade.files import read_json, read_model, read_tsv, replacing, write_json, write_jsonl, write_tsv


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def write_folder(path, member, text, error=None):
    with replacing(path) as target:
        target.mkdir()
        (target / member).write_text(text)
        if error:
            raise error


def test_a_file_appears_whole_and_only_at_the_end(tmp_path):
    path = tmp_path / "deep" / "er" / "a.txt"
    with replacing(path) as target:
        target.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"
    assert names(path.parent) == ["a.txt"]


def test_a_folder_is_replaced_with_all_that_was_in_it(tmp_path):
    path = tmp_path / "model"
    write_folder(path, "old.bin", "old")
    write_folder(path, "new.bin", "new")
    assert names(path) == ["new.bin"]
    assert names(tmp_path) == ["model"]


@pytest.mark.parametrize("error", [KeyError(), KeyboardInterrupt()])
def test_an_error_leaves_what_was_there_and_nothing_else(tmp_path, error):
    write_folder(tmp_path / "model", "old.bin", "old")
    with pytest.raises(type(error)):
        write_folder(tmp_path / "model", "new.bin", "new", error)
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "model"):
        pass  # nothing was written
    assert names(tmp_path / "model") == ["old.bin"]
    assert names(tmp_path) == ["model"]


@pytest.mark.parametrize(("umask", "folder", "file"), [(0o022, 0o755, 0o644), (0o002, 0o775, 0o664)])
def test_the_umask_says_who_may_read(tmp_path, umask, folder, file):
    before = os.umask(umask)
    try:
        (tmp_path / "elsewhere").touch(0o600)
        with replacing(tmp_path / "model") as target:
            (target / "inner").mkdir(parents=True, mode=0o700)
            save_file({"a": torch.zeros(2)}, target / "inner/model.safetensors")
            (target / "link").symlink_to(tmp_path / "elsewhere")
        write_json(tmp_path / "a.json", {})
        assert os.umask(umask) == umask
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.rglob("*")}
    assert modes == {
        **{"model": folder, "inner": folder, "model.safetensors": file, "a.json": file},
        **{"elsewhere": 0o600, "link": 0o600},
    }


def test_what_is_written_comes_back(tmp_path):
    value = {"이름": ["값", 1, 0.5, None, True]}
    write_json(tmp_path / "a.json", value)
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", {"loss": [math.nan]})
    assert read_json(tmp_path / "a.json", "") == value
    write_tsv(tmp_path / "a.tsv", [{"step": 1, "loss": 0.5}, {"step": 2, "loss": 0.25}])
    assert (tmp_path / "a.tsv").read_text() == "step\tloss\n1\t0.5\n2\t0.25\n"
    assert read_tsv(tmp_path / "a.tsv") == [{"step": "1", "loss": "0.5"}, {"step": "2", "loss": "0.25"}]
    (tmp_path / "a.yaml").write_text("limits: {한글: [1, 0.5]}", encoding="utf-8")
    assert read_model(tmp_path / "a.yaml", Shape).limits == {"한글": [1.0, 0.5]}


def test_jsonl_is_counted(tmp_path):
    path = tmp_path / "a.jsonl"
    assert write_jsonl(path, iter([{"query": "질문"}, {"query": "두\n줄"}])) == 2
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["query"] for line in lines] == ["질문", "두\n줄"]


@pytest.mark.parametrize("content", [b"{", b"\xff", b'{"a": 1, "a": 2}', b"[" * 100_000, None])
def test_json_that_cannot_be_read_names_the_file_and_the_remedy(tmp_path, content):
    if content is not None:
        (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(UserError, match=r"a\.json.*Run: dvc repro eval$"):
        read_json(tmp_path / "a.json", "Run: dvc repro eval")


class Shape(BaseModel):
    limits: dict[str, list[float]]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("limits: {ndcg10: [0.5, high]}", r"limits\.ndcg10\.1: .*not 'high'"),
        ("[]", "not \\[\\]"),
        ("limits: [", "not valid YAML .*line 1"),
        ("limits: !!python/object/apply:os.system [ls]", "not valid YAML .*constructor"),
        ("limits: 2001-99-99", "not valid YAML"),
        (f"limits: {'9' * 5000}", "not valid YAML"),
        ("limits: " + "[" * 3_000, "not valid YAML"),
        (None, "Run from the root"),
    ],
)
def test_yaml_that_is_not_as_it_should_be_names_the_file_and_the_place(tmp_path, text, place):
    if text is not None:
        (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(UserError, match=rf"a\.yaml.*{place}"):
        read_model(tmp_path / "a.yaml", Shape)
