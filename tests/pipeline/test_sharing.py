"""What one clone has measured another gets by `dvc pull`, a user's data and models included."""

import subprocess
from pathlib import Path

import pytest
from pipeline.copies import Clone, copy_of

pytestmark = pytest.mark.full


def reach(clone: Clone, place: Path) -> None:
    """Give a clone the DVC remote of the test."""
    clone.run("dvc", "remote", "modify", "--local", "local", "url", str(place / "remote"))
    clone.run("dvc", "config", "--local", "cache.type", "hardlink,copy")


def test_the_default_remote_is_there_without_any_setting(small):
    listed = small.run("dvc", "remote", "list", "--project").stdout.split()
    assert listed == ["local", str(Path("~/.cache/kosplade/remote").expanduser()), "(default)"]


def test_a_colleague_pulls_all_of_it_and_runs_nothing_again(small, tmp_path):
    mine = copy_of(small, tmp_path / "mine")
    reach(mine, tmp_path)
    mine.run("dvc", "push")

    subprocess.run(["git", "clone", "-q", str(small.folder), str(tmp_path / "other")], check=True)
    other = Clone(tmp_path / "other")
    reach(other, tmp_path)
    other.run("dvc", "pull")
    assert other.repro() == set()
    assert other.metrics() == small.metrics()
    for name in ("data/v24.0/train_mine.jsonl", "data/models/tiny/model.safetensors", "huggingface/v25/best/idf.json"):
        assert (other.folder / name).read_bytes() == (small.folder / name).read_bytes()
