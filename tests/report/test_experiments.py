"""Reading experiments out of a repository with real Git and real DVC: nothing is checked out."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from dvc.repo import Repo
from report.conftest import ROOT, on

from kosplade.errors import UserError
from kosplade.report import compare, experiments
from kosplade.report.experiments import CURVES, FILES, VIEWS, load


def git(*arguments: str) -> str:
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.com")
    return subprocess.run(["git", *identity, *arguments], check=True, capture_output=True, text=True).stdout.strip()


def write(path: str, content: object) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")


def leave(experiment, version: str) -> None:
    """Write what the pipeline leaves of an experiment into the current folder."""
    write("params.yaml", f"version: {version}\nloss:\n  margin: 0.5\n")
    write("requirements.txt", "# pinned\ntorch==2.13.0\ndvc==3.67.1\n")
    for stem in FILES:
        write(f"metrics/{stem}.json", experiment.metrics[stem])
    for name, points in experiment.curves.items():
        write(f"{CURVES}/{name}.tsv", "\n".join([f"step\t{name}", *(f"{a}\t{b!r}" for a, b in points)]) + "\n")
    rows = ["\t".join(experiment.pruning[0]), *("\t".join(map(repr, row.values())) for row in experiment.pruning)]
    write("metrics/pruning.tsv", "\n".join(rows) + "\n")
    for stem in VIEWS:
        write(f"outputs/eval_{version}/{stem}.json", getattr(experiment, stem))


@pytest.fixture(params=["", "teams/검색"], ids=["alone", "in a monorepo"])
def repository(tmp_path, monkeypatch, base, new, request):
    """V24 committed as the experiment v24 and gone from the workspace, V25 on the branch and in the workspace."""
    monkeypatch.chdir(tmp_path)
    git("init", "--quiet", "--initial-branch=main")
    folder = tmp_path / request.param
    folder.mkdir(parents=True, exist_ok=True)
    monkeypatch.chdir(folder)
    (folder / "gates.yaml").write_bytes((ROOT / "gates.yaml").read_bytes())
    with Repo.init(subdir=bool(request.param)) as repo:
        for name, experiment in (("v24", base), ("v25", new)):
            leave(experiment, name)
            repo.add(f"outputs/eval_{name}")
            git("add", ".")
            git("commit", "--quiet", "-m", name)
            git("update-ref", f"refs/exps/aa/bb/{name}", "HEAD")
            shutil.rmtree(f"outputs/eval_{name}") if name == "v24" else None
    git("update-ref", "-d", "refs/exps/aa/bb/v25")
    return folder


@pytest.mark.parametrize("name", ["main", "workspace"])
def test_a_revision_and_the_workspace_hold_what_was_written(repository, name, new):
    found = load(name)
    assert found.params == {"version": "v25", "loss": {"margin": 0.5}}
    for field in ("metrics", "curves", "pruning", *VIEWS):
        assert getattr(found, field) == json.loads(json.dumps(getattr(new, field)), object_hook=_tuples(field)), field
    assert found.versions == {"torch": "2.13.0", "dvc": "3.67.1"}


def _tuples(field: str):
    """Curves are lists of tuples, which JSON does not know."""
    return lambda value: {k: [tuple(p) for p in v] for k, v in value.items()} if field == "curves" else value


def test_an_experiment_that_left_the_workspace_comes_from_the_cache(repository, base):
    found = load("v24")
    assert found.texts == base.texts
    assert (found.name, found.revision) == ("v24", git("rev-parse", "--short", "main~1"))
    assert found.date == git("show", "--no-patch", "--format=%cI", "main~1")
    assert found.timings == {}
    assert not Path("outputs/eval_v24").exists()


def test_the_workspace_knows_its_times(repository):
    assert load("workspace").timings == {}
    write("outputs/timings/train.json", {"seconds": 347.6})
    found = load("workspace")
    assert found.timings == {"train": 347.6}
    assert (found.revision, found.date) == ("workspace", "")


def lines_of(error: pytest.ExceptionInfo) -> str:
    assert "\n" not in str(error.value)
    return str(error.value)


def test_an_unknown_name_says_how_to_make_it(repository):
    with pytest.raises(UserError) as error:
        load("v25")
    assert lines_of(error).endswith("'v25'. Run: make exp-v25")
    with pytest.raises(UserError, match="'--all'"):
        load("--all")


def test_an_experiment_older_than_the_files_is_named(repository):
    git("rm", "--quiet", "metrics/cost.json")
    git("commit", "--quiet", "-m", "older")
    git("update-ref", "refs/exps/aa/bb/v25", "HEAD")
    with pytest.raises(UserError) as error:
        load("v25")
    assert "metrics/cost.json" in lines_of(error)
    assert lines_of(error).endswith("Run: make exp-v25")
    with pytest.raises(UserError, match=r"metrics/cost\.json: .* Run: dvc repro"):
        load("workspace")


def test_an_experiment_that_is_not_cached_is_named(repository):
    shutil.rmtree(".dvc/cache")
    with pytest.raises(UserError) as error:
        load("v24")
    assert "outputs/eval_v24/pieces.json: neither in the commit nor in DVC's cache" in lines_of(error)


@pytest.mark.parametrize(
    ("path", "text"), [("metrics/eval.json", "{\n"), ("params.yaml", "- v25\n"), ("metrics/pruning.tsv", "max\n0\t1\n")]
)
def test_a_broken_file_is_one_line(repository, path, text):
    write(path, text)
    with pytest.raises(UserError) as error:
        load("workspace")
    assert lines_of(error).startswith("workspace lacks what the report shows (")
    assert lines_of(error).endswith("Run: dvc repro")


def test_what_is_not_comparable_is_said_below_the_table(repository, capsys, new):
    write("metrics/eval.json", on(new, documents="other").metrics["eval"])
    compare.main(["v24", "workspace"])
    assert "v24 and workspace: another collection: not compared." in capsys.readouterr().out


def test_comparing_prints_the_table_and_writes_the_page(repository, capsys, monkeypatch):
    monkeypatch.setattr(compare, "run", lambda name: git("update-ref", "refs/exps/aa/bb/v25", "main"))
    compare.main(["v24", "v25"])
    printed = capsys.readouterr().out
    assert "| stopword activation" in printed
    assert "Page: reports/index.html" in printed
    assert "v25 is better than v24." in Path("reports/index.html").read_text(encoding="utf-8")
    assert experiments.experiment("v25") == "refs/exps/aa/bb/v25"


def test_comparing_needs_two_names():
    with pytest.raises(UserError, match="Name two experiments"):
        compare.main(["v24"])
