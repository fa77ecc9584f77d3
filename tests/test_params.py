"""params.yaml: what is there loads as it stands, and every mistake is one line that names the key and the remedy."""

import json
import re
from pathlib import Path

import pytest
import yaml
from refused import message

from kosplade.params import RECIPES, Params, load_params

FILE = Path(__file__).parents[1] / "params.yaml"
TEXT = FILE.read_text(encoding="utf-8")


def leaves(group: dict, prefix: str = "") -> dict:
    found = {}
    for key, value in group.items():
        found |= leaves(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return found


@pytest.fixture
def load(tmp_path):
    """Load the real file with some dotted keys changed; it names version "mine", which fixes no flags."""

    def run(changes: dict | None = None, removed: str = "") -> Params:
        raw = yaml.safe_load(TEXT) | {"version": "mine"}
        for key, value in (changes or {}).items():
            group, _, name = key.rpartition(".")
            (raw[group] if group else raw)[name] = value
        if removed:
            group, _, name = removed.rpartition(".")
            del (raw[group] if group else raw)[name]
        return text(json.dumps(raw))

    def text(content: str) -> Params:
        path = tmp_path / "params.yaml"
        path.write_text(content, encoding="utf-8")
        return load_params(path)

    run.text = text
    return run


def test_the_real_file_loads_as_it_stands():
    assert leaves(load_params(FILE).model_dump()) == leaves(yaml.safe_load(TEXT))


def test_every_leaf_has_a_comment_of_one_line():
    lines = [line for line in TEXT.splitlines() if line.strip() and not re.match(r"\w+:( *#.*)?$", line)]
    assert [line for line in lines if not re.fullmatch(r"\s*\w+: \S.*?\s# \S.*", line)] == []
    assert len(lines) == len(leaves(yaml.safe_load(TEXT)))


@pytest.mark.parametrize(
    ("key", "near"),
    [
        ("train.learnig_rate", "train.learning_rate"),
        ("lambda_flop", "lambda_flops"),
        ("batch_size", "train.batch_size"),
        ("train.stopword_penalty", "'stopword_penalty'"),
        ("modle", "model"),
    ],
)
def test_an_unknown_key_names_the_nearest(load, key, near):
    said = message(load, {key: 1})
    assert f"'{key}'" in said
    assert near in said.partition("Did you mean")[2]


@pytest.mark.parametrize("key", ["seed", "model.revision", "train"])
def test_a_missing_key_is_named(load, key):
    assert f"'{key}' is missing" in message(load, removed=key)


@pytest.mark.parametrize("text", ["1e-05", "1.0e-5", "1E-5", "0.00001", "+1e-05"])
def test_numbers_as_people_and_dvc_write_them(load, text):
    # dvc exp run -S train.learning_rate=0.00001 writes 1e-05, which PyYAML reads as a text.
    written, count = re.subn(r"(?m)^(  learning_rate:) \S+", rf"\1 {text}", TEXT)
    assert count == 1
    assert load.text(written).train.learning_rate == 1e-5


@pytest.mark.parametrize(
    ("key", "refused", "taken"),
    [
        ("train.learning_rate", [True, None, "fast", "1e400", 0.0, -1e-4], [1]),
        ("train.epochs", [True, 1.5, None, "2", 10**30], [1]),
        ("train.bf16", [1], [True]),
        ("model.revision", [12345678], [None, "main"]),
        ("data.source", ["web"], ["user"]),
        ("teacher.pooling", ["max"], ["cls"]),
        ("model.name", ["", " "], ["owner/name"]),
        ("eval.depth", [99], [100]),
        ("eval.bm25_b", [1.01], [1.0]),
        ("train.max_steps", [0, -2], [-1, 1]),
        ("data.val_queries", [0], [None, 1]),
        ("data.max_passages", [-1], [0]),
        ("loss.min_activation_top_k", [0], [1]),
        ("loss.temperature_encoded", [0.0], [0.1]),
        ("train.batch_size", [0, -1], [2]),
        ("train.bias_beta2", [1.0, -0.1], [0.0]),
        ("train.warmup_ratio", [1, -0.1], [0, 0.99]),
        ("train.flops_warmup_ratio", [1.01, -0.1], [0, 1]),
        ("lambda_flops", [-0.002], [0]),
        ("model.bias_other", [None], [-12, 0, 1.5]),
        ("seed", [-1, 2**31], [0, 2**31 - 1]),
        ("version", [24, "", "../v25", "v 25", "v25\n", "v2.5"], ["v26", "a-b_1", "금융-v1"]),
    ],
)
def test_a_value_out_of_range_or_of_another_type_is_refused(load, key, refused, taken):
    for value in refused:
        assert f"'{key}'" in message(load, {key: value})
    for value in taken:
        assert leaves(load({key: value}).model_dump())[key] == value


@pytest.mark.parametrize("version", ["v24", "v25", "v26"])
@pytest.mark.parametrize("flags", [(False, False), (False, True), (True, False), (True, True)])
def test_v24_and_v25_fix_the_two_flags(load, version, flags):
    changes = {"version": version, "loss.idf_weighting": flags[0], "loss.stopword_mask": flags[1]}
    wanted = {"v24": (False, False), "v25": (True, True)}.get(version)
    if wanted in (None, flags):
        params = load(changes)
        assert (params.version, params.loss.idf_weighting, params.loss.stopword_mask) == (version, *flags)
    else:
        said = message(load, changes)
        assert f"version {version}" in said
        assert all(f"{key}={str(value).lower()}" in said for key, value in RECIPES[version].items())


@pytest.mark.parametrize(
    ("changes", "keys"),
    [
        ({"loss.margin": 1.0, "train.hard_negatives": 0}, ("loss.margin", "train.hard_negatives")),
        ({"train.save_steps": 15, "train.logging_steps": 10}, ("train.save_steps", "train.logging_steps")),
    ],
)
def test_values_that_do_not_fit_together_name_both_keys(load, changes, keys):
    said = message(load, changes)
    assert all(key in said for key in keys)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("seed: [1", "line 1"),
        ("", "the file"),
        ("- 1", "the file"),
        (re.sub(r"(?m)^(  learning_rate:) \S+", r"\1 .nan", TEXT), "'train.learning_rate' should be a finite number"),
        (TEXT.replace("verify:\n", "verify: 3\nx:\n"), "unknown key 'x'"),
        (re.sub(r"(?s)verify:\n.*?\n\n", "verify: 3\n", TEXT), "'verify' must be a group"),
    ],
)
def test_a_file_of_another_shape(load, text, place):
    said = message(load.text, text)
    assert "params.yaml" in said
    assert place in said


def test_a_missing_file_names_the_remedy(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert message(load_params) == "params.yaml not found. Run from the root of the repository."
