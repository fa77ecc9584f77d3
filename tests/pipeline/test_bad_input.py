"""What a user sees when something is missing or wrong: one line, a remedy, a non-zero exit, nothing half-written."""

import pytest
from pipeline.conftest import copy_of_working_tree


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """A clone in which nothing has run."""
    return copy_of_working_tree(tmp_path_factory.mktemp("bare") / "repository")


def test_training_without_idf_names_the_command(bare):
    for command in (("make", "train-v25"), ("make", "train-v25-bg"), ("python", "-m", "kosplade.stages.train")):
        done = bare.run(*command, check=False)
        assert done.returncode != 0
        assert done.stderr.splitlines()[0] == "Error: IDF weights not found. Run: make prepare-v25-idf"
    assert not (bare.folder / "outputs").exists()


def test_the_summary_before_any_run_names_the_command(bare):
    (bare.folder / "metrics/eval.json").unlink(missing_ok=True)
    done = bare.run("python", "-m", "kosplade.report.summary", check=False)
    assert done.returncode != 0
    assert done.stderr.strip() == "Error: metrics/eval.json not found. Run: make repro"


@pytest.mark.parametrize(
    ("key", "value", "line"),
    [
        ("version", "v24", "version v24 is the recipe without IDF and mask"),
        ("loss.stopword_mask", False, "version v25 needs IDF and mask"),
        ("train.batch_size", "many", "'train.batch_size' must be int, not 'many' (str)."),
        ("data.source", "mine", "data.source must be embedded or user, not 'mine'."),
    ],
)
def test_a_wrong_parameter_is_one_line(bare, key, value, line):
    before = (bare.folder / "params.yaml").read_text(encoding="utf-8")
    bare.set(key, value)
    try:
        done = bare.run("python", "-m", "kosplade.stages.idf", check=False)
    finally:
        (bare.folder / "params.yaml").write_text(before, encoding="utf-8")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert line in done.stderr


def test_a_broken_line_of_user_data_is_named(bare):
    data = bare.folder / "data/v24.0"
    data.mkdir(parents=True)
    (data / "train_mine.jsonl").write_text('{"query": "질문", "positive": "답"}\n{"query": \n', encoding="utf-8")
    before = (bare.folder / "params.yaml").read_text(encoding="utf-8")
    bare.set("data.source", "user")
    try:
        done = bare.run("python", "-m", "kosplade.stages.prepare", check=False)
    finally:
        (bare.folder / "params.yaml").write_text(before, encoding="utf-8")
    assert done.returncode == 1
    assert "data/v24.0/train_mine.jsonl:2: not valid JSON" in done.stderr
    assert [path.name for path in data.iterdir()] == ["train_mine.jsonl"]


def test_an_unknown_model_is_one_line(bare):
    before = (bare.folder / "params.yaml").read_text(encoding="utf-8")
    bare.set("model.name", "no-such-owner/no-such-model")
    try:
        done = bare.run("python", "-m", "kosplade.stages.backbone", check=False, HF_HUB_OFFLINE="1")
    finally:
        (bare.folder / "params.yaml").write_text(before, encoding="utf-8")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("Error: model.name 'no-such-owner/no-such-model'")
    assert not (bare.folder / "data/backbone").exists()
