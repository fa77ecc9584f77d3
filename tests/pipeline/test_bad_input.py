"""What a user sees when something is missing or wrong: one line, a remedy, a non-zero exit, nothing half-written."""

from pipeline.copies import error_line

PREPARE = ("python", "-m", "kosplade.stages.prepare")


def test_commands_before_any_run_name_the_one_that_comes_first(bare):
    for command in (("make", "-o", ".venv/.ready", "train-v25"), ("python", "-m", "kosplade.stages.train")):
        assert "Run: make prepare-v25-idf" in error_line(bare.run(*command, check=False))
    (bare.folder / "metrics/eval.json").unlink()
    assert "Run: make repro" in error_line(bare.run("python", "-m", "kosplade.report.summary", check=False))
    bare.git("checkout", "-q", "metrics")
    assert not (bare.folder / "outputs").exists()


def test_a_wrong_parameter_stops_the_stage_with_its_key(bare):
    bare.set("train.batch_size", "many")
    done = bare.run(*PREPARE, check=False)
    bare.git("checkout", "-q", "params.yaml")
    assert "'train.batch_size'" in error_line(done)
    assert done.stderr.count("\n") == 1


def test_a_broken_line_of_user_data_is_named_and_nothing_is_written(bare):
    data = bare.folder / "data/v24.0/train_mine.jsonl"
    data.write_text('{"query": "질문", "positive": "답"}\n{"query": \n', encoding="utf-8")
    bare.set("data.source", "user")
    done = bare.run(*PREPARE, check=False)
    data.unlink()
    bare.git("checkout", "-q", "params.yaml")
    assert "data/v24.0/train_mine.jsonl:2: " in error_line(done)
    assert not (bare.folder / "data/prepared").exists()


def test_an_unknown_model_is_one_line(bare):
    bare.set("model.name", "no-such-owner/no-such-model")
    done = bare.run("python", "-m", "kosplade.stages.backbone", check=False, HF_HUB_OFFLINE="1")
    bare.git("checkout", "-q", "params.yaml")
    assert "model.name 'no-such-owner/no-such-model'" in error_line(done)
    assert not (bare.folder / "data/backbone").exists()
