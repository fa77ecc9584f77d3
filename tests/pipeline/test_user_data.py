"""A user's own files in data/v24.0, tracked and untracked, under every DVC command: none is deleted or reverted.

The stage `prepare` alone runs: it is the only one that reads them.
"""

import json
import shutil
import sys
from pathlib import Path

import pytest
from pipeline.conftest import Clone, copy_of_working_tree

PREPARE = ("--single-item", "prepare")
USER = ("-S", "data.source=user", "-S", "data.val_queries=5")


def record(name, number):
    return (
        json.dumps({"query": f"질문 {name} {number}", "positive": f"{name}의 답 {number}"}, ensure_ascii=False) + "\n"
    )


def append(file: Path, numbers) -> str:
    """More lines at the end of a user's file; what it holds then."""
    with file.open("a", encoding="utf-8") as out:
        out.writelines(record(file.stem, number) for number in numbers)
    return file.read_text(encoding="utf-8")


def trained_on(clone: Clone) -> int:
    """Records that `prepare` has read, by its report: held out and trained on."""
    held = (clone.folder / "data/prepared/val.jsonl").read_text(encoding="utf-8").count("\n")
    corpus = (clone.folder / "data/prepared/corpus.jsonl").read_text(encoding="utf-8").count("\n")
    assert held == 5
    return corpus


@pytest.fixture(scope="module")
def clone(tmp_path_factory) -> Clone:
    """A bare clone: nothing has run in it; its remote is a folder beside it."""
    clone = copy_of_working_tree(tmp_path_factory.mktemp("mine") / "repository")
    (clone.folder / ".venv").symlink_to(Path(sys.executable).parents[1], target_is_directory=True)  # make installs none
    (clone.folder / ".venv/.ready").touch()
    clone.run("dvc", "remote", "add", "--local", "-d", "beside", str(clone.folder.parent / "remote"))
    return clone


@pytest.fixture(scope="module")
def mine(clone) -> Path:
    """A user's file, put into the bare clone, untracked."""
    file = clone.folder / "data/v24.0/train_mine.jsonl"
    append(file, range(40))
    return file


@pytest.fixture(scope="module")
def first(clone, mine):
    """The first experiment on it."""
    before = mine.read_text(encoding="utf-8")
    clone.run("dvc", "exp", "run", "-n", "first", *USER, *PREPARE)
    assert mine.read_text(encoding="utf-8") == before
    assert trained_on(clone) == 40


def test_an_untracked_file_is_there_whatever_runs(clone, mine, first):
    held = append(mine, range(40, 50))
    new = mine.with_name("train_new.jsonl")
    new_held = append(new, range(10))
    for command in (
        ("dvc", "exp", "run", "-n", "second", *USER, "-S", "data.max_passages=100", *PREPARE),
        ("dvc", "repro", *PREPARE),
        ("dvc", "exp", "apply", "second"),
        ("dvc", "checkout", "--force"),
        ("dvc", "gc", "--workspace", "--force"),
        ("dvc", "push", "prepare"),
        ("dvc", "pull", "--force", "prepare"),
        ("make", "restore"),
    ):
        clone.run(*command, check=False)  # some miss the outs of stages that have not run here
        assert (mine.read_text(encoding="utf-8"), new.read_text(encoding="utf-8")) == (held, new_held), command
    clone.run("dvc", "exp", "run", *USER, *PREPARE)
    assert trained_on(clone) == 60, "a changed and a new file rerun prepare"
    new.unlink()
    clone.run("dvc", "repro", *PREPARE)
    assert trained_on(clone) == 50


def test_a_run_in_a_copy_says_that_it_sees_tracked_files_only(clone, mine, first):
    before = mine.read_text(encoding="utf-8")
    done = clone.run("dvc", "exp", "run", "--temp", *USER, *PREPARE, check=False)
    assert done.returncode
    assert "Error: data/v24.0 has no train_*.jsonl" in done.stderr
    assert "`dvc add`" in done.stderr
    assert mine.read_text(encoding="utf-8") == before


@pytest.fixture(scope="module")
def tracked(clone, mine, first):
    """The same file tracked, committed and pushed, as the README says."""
    clone.run("dvc", "add", str(mine.relative_to(clone.folder)))
    clone.run("dvc", "exp", "run", *USER, *PREPARE)
    clone.run("git", "add", "-A")
    clone.run("git", "commit", "-qm", "my data")
    clone.run("dvc", "push", check=False)  # the outs of stages that have not run here are missing


def test_a_tracked_file_follows_its_edits_and_goes_into_copies(clone, mine, tracked):
    count = mine.read_text(encoding="utf-8").count("\n")
    held = append(mine, range(100, 110))
    beside = mine.with_name("train_beside.jsonl")  # untracked, beside a tracked one
    beside_held = append(beside, range(3))

    def unchanged(*command):
        clone.run(*command, check="apply" not in command)  # which misses the outs of stages that have not run here
        return (mine.read_text(encoding="utf-8"), beside.read_text(encoding="utf-8")) == (held, beside_held)

    assert unchanged("dvc", "exp", "run", "-n", "edited", *USER, "-S", "data.max_passages=101", *PREPARE)
    assert trained_on(clone) == count + 10 + 3
    assert unchanged("dvc", "exp", "apply", "edited")
    # In a copy: the edit is there, the untracked file is not.
    assert unchanged("dvc", "exp", "run", "--temp", "-n", "copy", *USER, "-S", "data.max_passages=102", *PREPARE)
    assert unchanged("dvc", "exp", "run", "--queue", "-n", "queued", *USER, "-S", "data.max_passages=103", *PREPARE)
    shown = clone.run("dvc", "exp", "show", "--json", "--no-pager").stdout
    assert "copy" in shown
    assert "queued" in shown
    # An edit that DVC has not stored yet is never lost without --force.
    edited = append(mine, [200])
    for command in (("dvc", "checkout"), ("dvc", "pull"), ("make", "restore")):
        clone.run(*command, check=False)
        assert mine.read_text(encoding="utf-8") == edited, command
    assert beside.read_text(encoding="utf-8") == beside_held
    clone.run("dvc", "repro", *PREPARE)
    assert mine.read_text(encoding="utf-8") == edited
    beside.unlink()


def test_a_colleague_gets_a_tracked_file(clone, mine, tracked, tmp_path):
    folder = tmp_path / "colleague"
    clone.run("git", "clone", "-q", str(clone.folder), str(folder))
    other = Clone(folder)
    other.run("dvc", "remote", "add", "--local", "-d", "beside", str(clone.folder.parent / "remote"))
    other.run("dvc", "pull", "data/v24.0/train_mine.jsonl", "prepare")
    committed = clone.run("git", "show", "HEAD:data/v24.0/train_mine.jsonl.dvc").stdout
    assert (folder / "data/v24.0/train_mine.jsonl.dvc").read_text() == committed
    assert (folder / "data/v24.0/train_mine.jsonl").exists()
    assert other.repro(*PREPARE) == set()


def test_the_readmes_first_command_copies_a_file_in_and_leaves_it_where_it_was(clone, first, tmp_path):
    outside = tmp_path / "my.jsonl"
    held = append(outside, range(4))
    clone.run("dvc", "add", "--out", "data/v24.0/train_copied.jsonl", str(outside))
    assert outside.read_text(encoding="utf-8") == held
    assert not outside.is_symlink()
    copied = clone.folder / "data/v24.0/train_copied.jsonl"
    assert copied.read_text(encoding="utf-8") == held
    for path in (copied, copied.with_name(copied.name + ".dvc")):
        path.unlink()


def test_linked_files_stay_links_and_their_changes_count(clone, first, tmp_path):
    disk = tmp_path / "train_linked.jsonl"
    held = append(disk, range(7))
    link = clone.folder / "data/v24.0/train_linked.jsonl"
    link.symlink_to(disk)
    try:
        clone.run("dvc", "exp", "run", *USER, *PREPARE)
        before = trained_on(clone)
        assert link.is_symlink()
        assert disk.read_text(encoding="utf-8") == held
        append(disk, [7])
        assert clone.repro(*PREPARE) == {"prepare"}
        assert trained_on(clone) == before + 1
        assert link.is_symlink()
    finally:
        link.unlink()


def test_no_stage_has_an_out_where_a_user_keeps_files(clone):
    """Checkpoints, BEIR folders, variants and uploads of a user are never under an out."""
    outs = [line.split()[0] for line in clone.run("dvc", "stage", "list", "--name-only").stdout.splitlines()]
    assert len(outs) == 10
    graph = clone.run("dvc", "dag", "--outs", "--dot").stdout
    assert not [name for name in ("data/v24.0", "data/models", "data/beir", "outputs/beir") if f'"{name}"' in graph]


def test_the_bare_clone_holds_nothing_of_ours_in_the_users_folder(clone, mine, first):
    left = {path.name for path in (clone.folder / "data/v24.0").iterdir()}
    assert left <= {"README.md", "train_mine.jsonl", "train_mine.jsonl.dvc"}
    shutil.rmtree(clone.folder / "data/prepared")
    clone.run("dvc", "checkout", "--force", "prepare")
    assert trained_on(clone)
