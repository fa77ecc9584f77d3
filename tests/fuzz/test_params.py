"""params.yaml with anything in any place: what loads is what stands there, all else is one line."""

import json
import math
from pathlib import Path

import pytest
import yaml
from fuzz.texts import any_texts, cases, outcome
from hypothesis import given
from hypothesis import strategies as st

from kosplade.params import load_params

pytestmark = pytest.mark.full
RAW = yaml.safe_load((Path(__file__).parents[2] / "params.yaml").read_text(encoding="utf-8"))
KEYS = [(key, name) for key, group in RAW.items() for name in (group if isinstance(group, dict) else [None])]
PLACE = "@@"
SNIPPETS = [
    *("null", "true", "yes", "''", "0", "-1", "-0.0", "1_000", "0x10", "017", "1e5", "1e-05", "1e999", "9" * 5000),
    *(".nan", "-.inf", "12:30:45", "2001-99-99", "!!float x", "!!python/name:os.system ''", "&a [*a]", "*unknown"),
    *("{<<: {a: 1}}", "{a: 1, a: 2}", "[" * 300 + "]" * 300, "[" * 20_000, "{1: 2}", "{[a]: b}", "[]", "{}", "[1]"),
    *('"\\0"', '"\\x1b[31m"', '"a\\nb"', '"\\u202e"', "'../../x'", "[", "}", ":", '"', "\t", "%", "@x", "- x", "# c"),
]


@cases(200)
@given(
    key=st.sampled_from(KEYS),
    how=st.sampled_from(["replace", "replace", "add", "remove"]),
    snippet=st.sampled_from(SNIPPETS) | any_texts.map(json.dumps) | st.integers().map(str) | st.floats().map(repr),
)
def test_params(folder, key, how, snippet):
    value = json.loads(json.dumps(RAW))
    group, name = (value, key[0]) if key[1] is None else (value[key[0]], key[1])
    if how == "remove":
        del group[name]
    else:
        group[name if how == "replace" else f"{name} "] = PLACE
    text = json.dumps(value, ensure_ascii=False).replace(f'"{PLACE}"', snippet)
    path = folder / "params.yaml"
    path.write_text(text, encoding="utf-8")
    params, message = outcome(lambda: load_params(path))
    if message is not None:
        assert "params.yaml: " in message
        return
    assert how == "replace"
    wanted = flat(yaml.safe_load(text))
    for name, value in flat(params.model_dump()).items():
        assert value == (float(wanted[name]) if isinstance(value, float) else wanted[name])
        assert not isinstance(value, float) or math.isfinite(value)


def flat(group: dict) -> dict:
    """Values by (group, name)."""
    return {
        (key, name): value
        for key, inner in group.items()
        for name, value in (inner if isinstance(inner, dict) else {"": inner}).items()
    }
