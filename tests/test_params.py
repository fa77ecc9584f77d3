"""params.yaml: what is there loads as it stands, and every mistake is one line that names the key."""

import dataclasses
import json
import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from kosplade.errors import UserError
from kosplade.params import Params, load_params

FILE = Path(__file__).parents[1] / "params.yaml"
TEXT = FILE.read_text(encoding="utf-8")
RAW = YAML(typ="safe", pure=True).load(TEXT)


def leaves(group: dict, prefix: str = "") -> dict:
    found = {}
    for key, value in group.items():
        found |= leaves(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return found


def load(folder: Path, changes: dict | None = None, removed: str = "") -> Params:
    """Load the real file with some dotted keys changed; it names version "mine", which fixes no flags."""
    raw = json.loads(json.dumps(RAW)) | {"version": "mine"}
    for key, value in (changes or {}).items():
        *groups, name = key.split(".")
        group = raw
        for part in groups:
            group = group[part]
        group[name] = value
    *groups, name = removed.split(".")
    if removed:
        (raw[groups[0]] if groups else raw).pop(name)
    return load_text(folder, json.dumps(raw, ensure_ascii=False))


def load_text(folder: Path, text: str) -> Params:
    path = folder / "params.yaml"
    path.write_text(text, encoding="utf-8")
    return load_params(path)


def message(action) -> str:
    with pytest.raises(UserError) as error:
        action()
    assert "\n" not in str(error.value)
    return str(error.value)


def written(value: str) -> str:
    """The real file with this text as its learning rate."""
    text, count = re.subn(r"(?m)^(  learning_rate:) \S+", rf"\1 {value}", TEXT)
    assert count == 1
    return text


def test_the_real_file_loads_as_it_stands():
    params = load_params(FILE)
    assert dataclasses.asdict(params) == RAW
    floats = [key for key, value in leaves(dataclasses.asdict(params)).items() if isinstance(value, float)]
    assert {"lambda_flops", "loss.margin", "train.learning_rate", "eval.bm25_b"} <= set(floats)
    with pytest.raises(dataclasses.FrozenInstanceError):
        params.train.epochs = 2


def test_every_leaf_has_a_comment_of_one_line():
    lines = [line for line in TEXT.splitlines() if line.strip() and not re.fullmatch(r"\w+:", line)]
    commented = [line for line in lines if re.fullmatch(r"\s*\w+: \S.*?\s# \S.*", line)]
    assert commented == lines
    assert len(lines) == len(leaves(RAW))


@pytest.mark.parametrize(
    ("key", "near"),
    [
        ("train.learnig_rate", "train.learning_rate"),
        ("lambda_flop", "lambda_flops"),
        ("loss.siamese", "loss.infonce_siamese"),
        ("modle", "model"),
    ],
)
def test_an_unknown_key_names_the_nearest(tmp_path, key, near):
    assert message(lambda: load(tmp_path, {key: 1})) == f"params.yaml: unknown key '{key}'. Did you mean '{near}'?"


@pytest.mark.parametrize("key", ["seed", "model.revision", "train"])
def test_a_missing_key_is_named(tmp_path, key):
    assert message(lambda: load(tmp_path, removed=key)) == f"params.yaml: key '{key}' is missing."


@pytest.mark.parametrize(
    ("text", "value"), [("1e-05", 1e-5), ("1.0e-5", 1e-5), ("3E-5", 3e-5), ("1", 1.0), (".5", 0.5)]
)
def test_numbers_as_people_and_dvc_write_them(tmp_path, text, value):
    # dvc exp run -S train.learning_rate=0.00001 writes 1e-05, which YAML 1.1 reads as a string.
    rate = load_text(tmp_path, written(text)).train.learning_rate
    assert rate == value
    assert type(rate) is float


@pytest.mark.parametrize(
    ("key", "value", "expected", "got"),
    [
        ("train.learning_rate", "1e-05", "float", "'1e-05' (str)"),
        ("train.learning_rate", True, "float", "True (bool)"),
        ("train.epochs", True, "int", "True (bool)"),
        ("train.epochs", 1.5, "int", "1.5 (float)"),
        ("train.epochs", None, "int", "None (NoneType)"),
        ("train.bf16", 1, "bool", "1 (int)"),
        ("version", 24, "str", "24 (int)"),
        ("model.revision", 12345678, "str or null", "12345678 (int)"),
        ("loss.margin", [1.0], "float", "[1.0] (list)"),
    ],
)
def test_a_value_of_another_type_is_refused(tmp_path, key, value, expected, got):
    assert message(lambda: load(tmp_path, {key: value})) == f"params.yaml: '{key}' must be {expected}, not {got}."


def test_null_is_a_value_where_it_is_allowed(tmp_path):
    assert load(tmp_path, {"model.revision": None}).model.revision is None
    assert load(tmp_path, {"model.revision": "main"}).model.revision == "main"


def flags(version: str, idf_weighting: bool, stopword_mask: bool) -> dict:
    return {"version": version, "loss.idf_weighting": idf_weighting, "loss.stopword_mask": stopword_mask}


@pytest.mark.parametrize("given", [(True, True), (True, False), (False, True)])
def test_v24_is_the_recipe_without_idf_and_mask(tmp_path, given):
    text = message(lambda: load(tmp_path, flags("v24", *given)))
    assert text.startswith("params.yaml: version v24 ")
    assert "Set loss.idf_weighting=false and loss.stopword_mask=false" in text


@pytest.mark.parametrize("given", [(False, False), (True, False), (False, True)])
def test_v25_is_the_recipe_with_both(tmp_path, given):
    text = message(lambda: load(tmp_path, flags("v25", *given)))
    assert text.startswith("params.yaml: version v25 ")
    assert "Set loss.idf_weighting=true and loss.stopword_mask=true" in text


@pytest.mark.parametrize(
    ("version", "given"),
    [("v24", (False, False)), ("v25", (True, True)), ("v26", (True, False)), ("a-b_1", (False,) * 2)],
)
def test_other_combinations_are_free(tmp_path, version, given):
    params = load(tmp_path, flags(version, *given))
    assert (params.version, params.loss.idf_weighting, params.loss.stopword_mask) == (version, *given)


@pytest.mark.parametrize("version", ["", "../v25", "v 25", "v25\n", "v2.5"])
def test_a_version_that_is_no_file_name_is_refused(tmp_path, version):
    assert "must be letters, digits, - or _" in message(lambda: load(tmp_path, {"version": version}))


@pytest.mark.parametrize(
    ("key", "value", "rule"),
    [
        ("data.source", "web", "must be embedded or user, not 'web'."),
        ("teacher.pooling", "max", "must be mean or cls, not 'max'."),
        ("eval.depth", 99, "must be at least 100"),
        ("train.max_steps", 0, "must be -1 or above 0."),
        ("train.max_steps", -2, "must be -1 or above 0."),
        ("loss.min_activation_top_k", 0, "must be above 0"),
        ("loss.temperature_siamese", 0.0, "must be above 0, not 0.0."),
        ("loss.teacher_temperature", 0.0, "must be above 0, not 0.0."),
        ("train.batch_size", 0, "must be above 0, not 0."),
        ("model.num_layers", 0, "must be above 0, not 0."),
        ("train.logging_steps", 0, "must be above 0, not 0."),
        ("train.learning_rate", -1e-4, "must be above 0, not -0.0001."),
        ("train.warmup_ratio", 1, "must be from 0 to below 1, not 1.0."),
        ("train.flops_warmup_ratio", 1.01, "must lie between 0 and 1, not 1.01."),
        ("train.flops_warmup_ratio", -0.1, "must lie between 0 and 1, not -0.1."),
        ("lambda_flops", -0.002, "must not be negative, not -0.002."),
        ("loss.distillation", -1.0, "must not be negative, not -1.0."),
        ("seed", -1, "must not be negative, not -1."),
    ],
)
def test_a_value_out_of_range_is_refused(tmp_path, key, value, rule):
    text = message(lambda: load(tmp_path, {key: value})).replace(f"'{key}'", key)
    assert text.startswith(f"params.yaml: {key} {rule}")


@pytest.mark.parametrize("value", [".nan", ".inf"])
def test_a_number_that_is_not_finite_is_refused(tmp_path, value):
    assert message(lambda: load_text(tmp_path, written(value))) == "params.yaml: 'train.learning_rate' must be finite."


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("train.max_steps", -1),
        ("train.max_steps", 1),
        ("train.warmup_ratio", 0),
        ("train.warmup_ratio", 0.99),
        ("train.flops_warmup_ratio", 1),
        ("eval.depth", 100),
        ("lambda_flops", 0),
        ("seed", 0),
        ("data.max_passages", 0),
    ],
)
def test_the_ends_of_a_range_are_in_it(tmp_path, key, value):
    assert leaves(dataclasses.asdict(load(tmp_path, {key: value})))[key] == value


@pytest.mark.parametrize("text", ["seed: [1", "seed: 1\nseed: 2\n", "a: b: c"])
def test_a_file_that_is_not_yaml(tmp_path, text):
    assert message(lambda: load_text(tmp_path, text)).startswith(f"{tmp_path / 'params.yaml'}: not valid YAML: ")


def test_bytes_that_are_not_text(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_bytes(b"seed: \xff\n")
    assert message(lambda: load_params(path)).startswith(f"{path}: not valid YAML: ")


@pytest.mark.parametrize("text", ["", "just text", "- 1"])
def test_a_file_without_keys(tmp_path, text):
    assert message(lambda: load_text(tmp_path, text)) == "params.yaml: 'the file' must be a group of keys."


def test_a_group_that_is_a_value(tmp_path):
    assert message(lambda: load(tmp_path, {"train": 3})) == "params.yaml: 'train' must be a group of keys."


def test_a_missing_file_names_the_remedy(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert message(load_params) == "params.yaml not found. Run from the root of the repository."


def test_a_margin_needs_hard_negatives(tmp_path):
    text = message(lambda: load(tmp_path, {"loss.margin": 1.0, "train.hard_negatives": 0}))
    assert "loss.margin" in text
    assert "train.hard_negatives" in text
