"""gates.yaml: what is refused, and when a value keeps its bounds."""

import math

import pytest
from report.conftest import ROOT

from kosplade.errors import UserError
from kosplade.report.gates import keeps, limit_text, read_gates

GOOD = """
limits:
  metrics/sparsity.json:
    semantic_top10: {at_least: 0.95}
    document_nnz: {above: 10, at_most: 150}
not_worse: {systems: [encoded], level: 0.05, tolerance: 0.02}
"""


def test_the_gates_of_this_repository_are_read():
    gates = read_gates(ROOT / "gates.yaml")
    assert gates.bounds("sparsity", "stopword_activation") == {"below": 0.5}
    assert gates.bounds("eval", "stopword_activation") == {}
    assert gates.not_worse.systems == ["inference_free", "encoded"]


@pytest.mark.parametrize(
    ("before", "after", "place", "remedy"),
    [
        ("at_least: 0.95", "at_leest: 0.95", "semantic_top10.at_leest", "'at_least', 'at_most', 'above' or 'below'"),
        ("{at_least: 0.95}", "0.95", "limits.metrics/sparsity.json.semantic_top10", "dictionary, not 0.95"),
        ("{at_least: 0.95}", "{}", "limits.metrics/sparsity.json.semantic_top10", "at least 1 item"),
        ("{at_least: 0.95}", ">= 0.95", "not valid YAML", "Repair it"),
        ("0.95", "yes", "semantic_top10.at_least", "valid number, not True"),
        ("0.95", "", "semantic_top10.at_least", "valid number, not None"),
        ("0.95", ".nan", "semantic_top10.at_least", "finite number, not nan"),
        ("0.05", "five", "not_worse.level", "valid number, not 'five'"),
        ("level: 0.05, ", "", "not_worse.level: Field required", "Repair it"),
        ("level", "levle", "not_worse.level: Field required", "'levle': 0.05"),
        ("[encoded]", "encoded", "not_worse.systems", "valid list, not 'encoded'"),
        ("not_worse", "no_worse", "not_worse: Field required", "'no_worse': {"),
        ("metrics/sparsity.json:", "metrics/sparsity.json: 1\n  other:", "limits.metrics/sparsity.json", "not 1"),
    ],
)
def test_a_wrong_file_is_one_line(tmp_path, before, after, place, remedy):
    assert before in GOOD
    path = tmp_path / "gates.yaml"
    path.write_text(GOOD.replace(before, after, 1))
    with pytest.raises(UserError) as error:
        read_gates(path)
    assert str(error.value).startswith(f"{path}: ")
    assert place in str(error.value)
    assert remedy in str(error.value)


@pytest.mark.parametrize(
    ("bounds", "text", "kept"),
    [
        ({"at_least": 0.5}, "≥ 0.5", (0.5, 0.51)),
        ({"at_most": 0.5}, "≤ 0.5", (0.49, 0.5)),
        ({"above": 0.5}, "> 0.5", (0.51,)),
        ({"below": 0.5}, "< 0.5", (0.49,)),
        ({"above": 0.49, "at_most": 0.5}, "> 0.49, ≤ 0.5", (0.5,)),
    ],
)
def test_bounds_by_value(bounds, text, kept):
    assert tuple(value for value in (0.49, 0.5, 0.51, math.nan) if keeps(bounds, value)) == kept
    assert limit_text(bounds) == text
