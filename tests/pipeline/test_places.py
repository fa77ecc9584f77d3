"""Bad places for a repository: each works, or says in one line why not. One copy of the small clone is in all of them.

Its path has blanks and Hangul. A full disk for the outs is in test_faults.py, together with other ways to fail.
"""

import json
import os
import subprocess
from pathlib import Path

import pytest
from pipeline.copies import Copy, copy_of

WITHOUT_RUN = ("dvc", "exp", "run", "--single-item")  # the stage stopwords reads no parameter: nothing runs
CACHE_LINE = "ERROR: failed to reproduce 'stopwords'"


def errors(done: subprocess.CompletedProcess) -> list[str]:
    """The lines of an error; make's own, which says which target failed, is not one of them."""
    assert "Traceback" not in done.stdout + done.stderr
    return [line for line in done.stderr.splitlines() if line.startswith(("Error:", "ERROR:"))]


@pytest.fixture(scope="module")
def place(small, tmp_path_factory) -> Copy:
    return copy_of(small, tmp_path_factory.mktemp("places") / "내 저장소 복사본/repo")


@pytest.fixture(autouse=True)
def left_as_it_was(request):
    """Nothing changed in Git's eyes, and on its branch, whatever a test did."""
    yield
    if "shallow" not in request.fixturenames:
        copy = request.getfixturevalue("place")
        assert copy.git("status", "--porcelain") == ""
        assert copy.git("branch", "--show-current") == "main"


# Blanks and Hangul


def test_nothing_is_repeated_under_a_path_with_blanks_and_hangul(place):
    assert place.repro() == set()


def test_a_stage_runs_under_a_path_with_blanks_and_hangul(place):
    """It writes the same bytes: dvc.lock stays as it is."""
    assert place.repro("--force", "--single-item", "--no-run-cache", "stopwords") == {"stopwords"}


def test_make_works_under_a_path_with_blanks_and_hangul(place):
    assert "make exp-show" in place.make("help").stdout
    ndcg10 = place.metrics()["eval.json"]["val"]["encoded"]["ndcg10"]
    assert f"{ndcg10:.3f}" in place.make("eval-v25").stdout
    assert "Data and pipelines are up to date." in place.make("check-lock").stdout
    assert "workspace" in place.make("exp-show").stdout
    report = place.make("pr-report", "BASE=main", check=False)  # so small a training misses the gates
    assert "Gates:" in report.stdout
    assert errors(report) == []


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


def test_the_page_is_written_under_a_path_with_blanks_and_hangul(place):
    place.run("python", "-m", "kosplade.report.compare", "HEAD", "workspace")
    assert "workspace" in (place.folder / "reports/index.html").read_text(encoding="utf-8")


def test_a_cache_under_hangul_is_refused_before_an_experiment_begins_in_a_copy(place):
    """DVC itself, also for a queue: "'ascii' codec can't encode character"."""
    done = place.make("eval-v25-compare", check=False)
    assert done.returncode
    [line] = errors(done)
    assert line.startswith("Error: no experiment v24, and none can be run in a copy of the workspace: ")
    assert line.endswith("is not an ASCII path. Move it to one, then run: dvc cache dir --local NEW_PATH")
    assert "Running stage" not in done.stdout


@pytest.fixture(scope="module")
def moved(place, tmp_path_factory) -> Copy:
    """The same place after that remedy."""
    cache = tmp_path_factory.mktemp("moved") / "cache"
    (place.folder / ".dvc/cache").rename(cache)
    place.run("dvc", "cache", "dir", "--local", str(cache))
    return place


# A tree with changes that are not committed


@pytest.fixture
def dirty(moved):
    """Code and a parameter changed, a file that Git does not know."""
    place = moved
    place.set("seed", 43)
    code = place.folder / "src/kosplade/stages/stopwords.py"
    code.write_text(code.read_text(encoding="utf-8") + "\n# one more line\n", encoding="utf-8")
    (place.folder / "new.txt").write_text("new\n")
    yield place
    (place.folder / "new.txt").unlink()
    place.restore()


def test_changes_that_are_not_committed_are_run_and_kept(dirty):
    """By an experiment in a copy of the workspace, then by the workspace itself."""
    before = dirty.git("status", "--porcelain")
    dirty.run(*WITHOUT_RUN, "--temp", "-n", "dirty", "-S", "idf_alpha=2.0", "stopwords")
    assert dirty.git("status", "--porcelain") == before
    changed = dirty.git("diff", "main", dirty.experiments()["dirty"])
    assert all(line in changed for line in ("+seed: 43", "+idf_alpha: 2.0", "+# one more line"))

    stale = dirty.make("pr-report", "BASE=main", check=False)
    assert "not committed and that `dvc repro` has not run: the figures are those of before" in stale.stdout
    assert dirty.repro("--single-item", "stopwords") == set()  # the experiment has run it
    assert "stopwords.py" in dirty.git("diff", "dvc.lock")
    assert "+seed: 43" in dirty.git("diff", "params.yaml")


def test_a_change_that_decides_nothing_leaves_the_figures_current(place):
    readme = place.folder / "README.md"
    readme.write_text(readme.read_text(encoding="utf-8") + "more\n", encoding="utf-8")
    try:
        report = place.make("pr-report", "BASE=main", check=False)
    finally:
        place.git("checkout", "-q", "README.md")
    assert report.stdout.rstrip().endswith("with changes that are not committed.")


# No branch, no history, no name


def test_a_detached_head_keeps_its_experiments(moved):
    place = moved
    place.git("checkout", "-q", "--detach")
    try:
        assert place.repro() == set()
        place.run(*WITHOUT_RUN, "--temp", "-n", "detached", "-S", "seed=44", "stopwords")
        assert "seed: 44" in place.git("show", f"{place.experiments()['detached']}:params.yaml")
        assert "detached" in place.run("dvc", "exp", "list", "--name-only").stdout
        assert errors(place.make("pr-report", "BASE=main", check=False)) == []
    finally:
        place.git("checkout", "-q", "main")


def test_an_experiment_needs_no_name_in_git(moved):
    """As on a fresh machine: neither in the repository nor in the user's own settings."""
    place = moved
    place.git("config", "--remove-section", "user")
    nameless = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    try:
        assert place.run("git", "config", "user.name", check=False, **nameless).returncode
        place.run(*WITHOUT_RUN, "--temp", "-n", "nameless", "-S", "seed=45", "stopwords", **nameless)
    finally:
        place.identify()
    assert "seed: 45" in place.git("show", f"{place.experiments()['nameless']}:params.yaml")


@pytest.fixture(scope="module")
def shallow(small, tmp_path_factory) -> Copy:
    return copy_of(small, tmp_path_factory.mktemp("shallow") / "repository", "--depth", "1")


def test_a_shallow_clone_runs_and_shows(shallow):
    assert shallow.git("rev-parse", "--is-shallow-repository") == "true"
    assert shallow.repro() == set()
    assert "workspace" in shallow.make("exp-show").stdout
    assert errors(shallow.make("pr-report", "BASE=origin/main", check=False)) == []


def test_a_shallow_clone_does_not_begin_what_it_would_lose(shallow):
    """DVC runs such an experiment to its end, exits with 0 and keeps nothing of it."""
    done = shallow.make("eval-v25-compare", check=False)
    assert done.returncode
    [line] = errors(done)
    assert line.startswith("Error: no experiment v24, and none can be run in a copy of the workspace: ")
    assert line.endswith("the clone is shallow. Run: git fetch --unshallow")


def test_a_shallow_clone_says_how_to_get_the_base_and_it_helps(shallow, small):
    before = small.run("git", "rev-parse", "HEAD~1").stdout.strip()
    done = shallow.make("pr-report", f"BASE={before}", check=False)
    [line] = errors(done)
    remedy = "git remote set-branches origin '*' && git fetch --unshallow"
    assert line.endswith(f"This clone is shallow. Run: {remedy}; then BASE=origin/NAME")
    shallow.run("bash", "-c", remedy)
    assert f"Base: {before[:7]}" in shallow.make("pr-report", f"BASE={before}", check=False).stdout


# A cache that takes nothing: neither is under our control, both are one line of DVC's


@pytest.fixture
def mounted(place, tmp_path):
    """A function that mounts something over a folder until the test ends."""
    done: list[Path] = []

    def mount(folder: Path, *options: str) -> None:
        if subprocess.run(["mount", *options, str(folder)], capture_output=True).returncode:
            pytest.skip("this user may not mount")
        if folder not in done:  # else only mounted anew, with other options
            done.append(folder)

    yield mount
    for folder in reversed(done):
        subprocess.run(["umount", str(folder)], check=True)


def test_a_read_only_cache_gives_what_it_has_and_takes_nothing(place, mounted):
    cache = Path(place.run("dvc", "cache", "dir").stdout.strip())
    mounted(cache, "--bind", str(cache))
    mounted(cache, "-o", "remount,bind,ro")
    (place.folder / "outputs/idf_weights/xlmr_v25_idf.pt").unlink()
    place.run("dvc", "checkout", "-q")
    assert place.repro() == set()
    place.run("python", "-m", "kosplade.report.compare", "HEAD", "workspace")
    done = place.run("dvc", "repro", "--force", "--single-item", "--no-run-cache", "stopwords", check=False)
    assert done.returncode
    [line] = errors(done)
    assert line.startswith(f"{CACHE_LINE}: [Errno 30] Read-only file system: '{cache}")


def test_a_full_disk_of_the_cache_is_one_line_and_the_same_command_goes_on(place, mounted, tmp_path):
    """The out is there and not recorded; with space again the stage is run again and recorded."""
    mounted(tmp_path, "-t", "tmpfs", "-o", "size=64k", "tmpfs")
    config = place.folder / ".dvc/config.local"
    before = config.read_text()
    command = ("--force", "--single-item", "--no-run-cache", "stopwords")
    place.run("dvc", "cache", "dir", "--local", str(tmp_path))
    try:
        done = place.run("dvc", "repro", *command, check=False)
        assert done.returncode
        assert errors(done)[-1] == f"{CACHE_LINE}: [Errno 28] No space left on device"
        subprocess.run(["mount", "-o", "remount,size=4m", str(tmp_path)], check=True)
        assert place.repro(*command) == {"stopwords"}
        mask = json.loads(place.run("dvc", "status", "--json", "stopwords").stdout)
        assert mask == {}
    finally:
        config.write_text(before)
