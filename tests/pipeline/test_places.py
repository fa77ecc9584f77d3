"""Bad places for a repository: each works, or says in one line why not.

The first copy of the small clone lies under a path with blanks and Hangul and is in most of them.
"""

import subprocess

import pytest
from pipeline.copies import Clone, copy_of, error_line

pytestmark = pytest.mark.full
FRESH = ("--force", "--single-item", "--no-run-cache", "stopwords")
CURRENT = "Data and pipelines are up to date."
COMPARE = ("python", "-m", "kosplade.report.compare", "HEAD", "workspace")
GATES = ("pr-report", "BASE=main")  # so small a training misses the gates: exit code 1, and no error


def is_report(done: subprocess.CompletedProcess) -> bool:
    return "Gates:" in done.stdout and "Error:" not in done.stderr and "Traceback" not in done.stderr


@pytest.fixture(scope="module")
def place(small, tmp_path_factory) -> Clone:
    return copy_of(small, tmp_path_factory.mktemp("places") / "내 저장소 복사본/repo")


@pytest.fixture(autouse=True)
def left_as_it_was(request):
    """Nothing changed in Git's eyes, and on its branch, whatever a test did."""
    yield
    if "place" in request.fixturenames:
        copy = request.getfixturevalue("place")
        assert copy.git("status", "--porcelain") == ""
        assert copy.git("branch", "--show-current") == "main"


# Blanks and Hangul


def test_everything_works_under_a_path_with_blanks_and_hangul(place):
    assert place.repro() == set()
    assert place.repro(*FRESH) == {"stopwords"}  # the same bytes: dvc.lock stays as it is
    assert CURRENT in place.make("check-lock").stdout
    assert "workspace" in place.make("exp-show").stdout
    assert is_report(place.make(*GATES, check=False))
    place.run(*COMPARE)
    assert "workspace" in (place.folder / "reports/index.html").read_text(encoding="utf-8")


def test_make_finds_the_environment_under_a_path_with_blanks_and_hangul(place):
    """What lies in .venv/bin is what a target calls."""
    ruff = place.folder / ".venv/bin/ruff"
    ruff.parent.mkdir(parents=True)
    ruff.write_text('#!/bin/sh\necho "ruff of $0" >&2\nexit 3\n')
    ruff.chmod(0o755)
    done = place.make("test", check=False)
    assert f"ruff of {ruff}" in done.stderr
    assert done.returncode
    ruff.unlink()


def test_a_cache_under_hangul_is_refused_before_an_experiment_begins_in_a_copy(place):
    """DVC itself, also for a queue: "'ascii' codec can't encode character"."""
    done = place.make("eval-v25-compare", check=False)
    assert "dvc cache dir --local" in error_line(done)
    assert "Running stage" not in done.stdout


# A tree with changes, a detached head, a shallow clone


def test_a_report_says_that_its_figures_are_not_those_of_a_change(place):
    place.set("seed", 43)
    assert "`dvc repro` has not run" in place.make(*GATES, check=False).stdout
    place.restore()
    (place.folder / "README.md").write_text("Decides nothing.\n", encoding="utf-8")
    assert "`dvc repro` has not run" not in place.make(*GATES, check=False).stdout
    place.git("checkout", "-q", "README.md")


def test_a_detached_head_is_reported_on(place):
    place.git("checkout", "-q", "--detach")
    assert place.repro() == set()
    assert is_report(place.make(*GATES, check=False))
    place.git("checkout", "-q", "main")


def test_a_shallow_clone_runs_and_says_what_it_cannot_do(small, tmp_path):
    shallow = copy_of(small, tmp_path / "repository", "--depth", "1")
    assert shallow.repro() == set()
    assert "workspace" in shallow.make("exp-show").stdout
    assert is_report(shallow.make("pr-report", "BASE=origin/main", check=False))
    # DVC would run this to its end, exit with 0 and keep nothing of it.
    assert "git fetch --unshallow" in error_line(shallow.make("eval-v25-compare", check=False))
    before = small.git("rev-parse", "HEAD~1")
    remedy = "git remote set-branches origin '*' && git fetch --unshallow"
    assert remedy in error_line(shallow.make("pr-report", f"BASE={before}", check=False))
    shallow.run("bash", "-c", remedy)
    assert f"Base: {before[:7]}" in shallow.make("pr-report", f"BASE={before}", check=False).stdout


# A folder of a larger repository, no Git


def test_a_folder_of_a_monorepo_is_current_and_compares(small, tmp_path):
    outer = tmp_path / "monorepo"
    inner = copy_of(small, outer / "models/sparse")
    subprocess.run(["rm", "-r", str(inner.folder / ".git")], check=True)
    subprocess.run(["git", "init", "-q", "-b", "main", str(outer)], check=True)
    inner.identify()
    inner.commit("all of it")
    assert inner.repro("--dry") == set()
    inner.run(*COMPARE)
    report = inner.make(*GATES, check=False)
    assert is_report(report)
    assert "tolerance" not in report.stdout


def test_without_git_one_line_says_what_to_run_and_the_pipeline_runs(small, tmp_path):
    clone = copy_of(small, tmp_path / "repository")
    subprocess.run(["rm", "-r", str(clone.folder / ".git")], check=True)
    done = clone.make("repro", check=False)
    assert done.returncode
    [line] = done.stderr.strip().splitlines()
    assert "git init" in line
    assert "no_scm = true" in line
    with (clone.folder / ".dvc/config.local").open("a") as out:
        out.write("[core]\n    no_scm = true\n")
    assert CURRENT in clone.make("repro").stdout
    assert clone.repro(*FRESH) == {"stopwords"}


# The user's name for it


def test_a_version_in_hangul_is_found_by_make(small, tmp_path):
    clone = copy_of(small, tmp_path / "repository")
    clone.set("version", "금융-v1")
    assert clone.repro() == {"train", "eval", "convert"}
    assert "Running stage" not in clone.make("convert-v25-hf").stdout
    out = clone.make("eval-beir", "DIR=data/prepared", "OPTIONS=--split val --max-document-length 48").stdout
    assert "금융-v1.encoded" in out
