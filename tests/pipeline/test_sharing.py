"""What one clone has measured another gets by `dvc pull`, experiments included, and runs nothing again."""

import subprocess
from pathlib import Path

import pytest
from pipeline.conftest import Clone


@pytest.fixture(scope="module")
def shared(small, tmp_path_factory):
    """(the small clone, pushed to a Git and a DVC remote of its own; a function that clones it as a colleague does)."""
    place = tmp_path_factory.mktemp("shared")
    subprocess.run(["git", "clone", "-q", "--bare", str(small.folder), str(place / "origin.git")], check=True)
    before = small.run("git", "remote", "get-url", "origin").stdout.strip()
    small.run("git", "remote", "set-url", "origin", str(place / "origin.git"))
    small.run("dvc", "remote", "modify", "--local", "local", "url", str(place / "remote"))
    small.run("dvc", "push")

    def colleague(name: str) -> Clone:
        subprocess.run(["git", "clone", "-q", str(place / "origin.git"), str(place / name)], check=True)
        clone = Clone(place / name)
        clone.identify()
        clone.run("dvc", "remote", "modify", "--local", "local", "url", str(place / "remote"))
        clone.run("dvc", "config", "--local", "cache.type", "hardlink,copy")
        return clone

    yield small, colleague
    small.run("git", "remote", "set-url", "origin", before)
    small.run("dvc", "remote", "modify", "--local", "local", "url", "nowhere")


def test_the_default_remote_is_there_without_any_setting(small):
    listed = small.run("dvc", "remote", "list", "--project").stdout.split()
    assert listed == ["local", str(Path("~/.cache/kosplade/remote").expanduser()), "(default)"]


def test_a_second_clone_pulls_everything_and_reruns_nothing(shared):
    small, colleague = shared
    clone = colleague("second")
    clone.run("dvc", "pull")
    assert clone.repro() == set()
    assert clone.metrics() == small.metrics()
    for name in ("huggingface/v25/best/idf.json", "outputs/train_v25/model.safetensors", "data/train.arrow"):
        assert (clone.folder / name).stat().st_size == (small.folder / name).stat().st_size


def test_an_experiment_is_pushed_and_pulled(shared):
    small, colleague = shared
    small.run("dvc", "exp", "run", "-n", "shared-one", "-S", "eval.sparsity_documents=20")
    small.restore()
    small.run("dvc", "exp", "push", "origin", "shared-one")
    clone = colleague("third")
    clone.run("dvc", "exp", "pull", "origin", "shared-one")
    clone.run("dvc", "exp", "apply", "shared-one")
    assert "sparsity_documents" in clone.run("git", "diff", "params.yaml").stdout
    assert clone.repro() == set()
