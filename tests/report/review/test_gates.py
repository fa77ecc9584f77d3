"""gates.yaml: what is refused, and how limits and nDCG@10 are judged."""

import math
from pathlib import Path

import pytest

from kosplade.errors import UserError
from kosplade.report.review.gates import Limit, NotWorse, judge_limits, judge_quality, read_gates
from kosplade.report.review.paired import NoTest

ROOT = Path(__file__).parents[3]
GOOD = """
limits:
  metrics/sparsity.json:
    semantic_top10: {at_least: 0.95}
    document_nnz: {above: 10, at_most: 150}
not_worse: {systems: [siamese], level: 0.05, tolerance: 0.02}
"""
RULE = NotWorse(("siamese",), level=0.05, tolerance=0.02)
IDS = [f"q{i}" for i in range(40)]


def values(old, new) -> dict:
    return {"old": old, "new": new}


def eval_diff(old, new, split="test") -> dict:
    return {"metrics/eval.json": {f"{split}.siamese.ndcg10": values(old, new)}}


def queries(figures: list[float], ids=IDS, split="test") -> dict:
    return {"split": split, "ids": ids, "ndcg10": {"siamese": figures}}


def no_queries():
    raise NoTest("no queries.json here")


def judge(limit: Limit, old, new) -> bool | None:
    [outcome] = judge_limits([limit], {limit.file: {limit.metric: values(old, new)}})
    return outcome.passes


def test_the_gates_of_this_repository_are_read():
    gates = read_gates(ROOT / "gates.yaml")
    assert Limit("metrics/sparsity.json", "stopword_activation", "below", 0.5) in gates.limits
    assert gates.not_worse.systems == ("inference_free", "siamese")


def test_a_metric_may_have_several_limits(tmp_path):
    (tmp_path / "gates.yaml").write_text(GOOD)
    limits = [(limit.metric, limit.word, limit.value) for limit in read_gates(tmp_path / "gates.yaml").limits]
    assert limits == [
        ("semantic_top10", "at_least", 0.95),
        ("document_nnz", "above", 10),
        ("document_nnz", "at_most", 150),
    ]


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (
            "at_least: 0.95",
            "at_leest: 0.95",
            "semantic_top10: .* is no limit. Write one of at_least, at_most, above, below",
        ),
        ("{at_least: 0.95}", "0.95", "semantic_top10: 0.95 is no limit"),
        ("{at_least: 0.95}", "{}", "semantic_top10: {} is no limit"),
        ("{at_least: 0.95}", ">= 0.95", "not valid YAML"),
        ("0.95", "", "at_least must be a number, not None"),
        ("0.95", "yes", "at_least must be a number, not 'yes'"),
        ("0.95", "true", "at_least must be a number, not True"),
        ("0.95", ".nan", "at_least must be a number, not nan"),
        ("0.05", "five", "not_worse.level must be a number, not 'five'"),
        ("level: 0.05, ", "", "not_worse must be a group of systems, level, tolerance"),
        ("[siamese]", "siamese", "not_worse.systems must be a list of names, such as .siamese., not 'siamese'"),
        ("not_worse", "no_worse", "the file must be a group of limits, not_worse"),
        ("metrics/sparsity.json:", "metrics/sparsity.json: 1\n  other:", "limits must be groups of metrics by file"),
    ],
)
def test_a_wrong_file_is_one_line(tmp_path, before, after, message):
    assert before in GOOD
    (tmp_path / "gates.yaml").write_text(GOOD.replace(before, after, 1))
    with pytest.raises(UserError, match=message) as error:
        read_gates(tmp_path / "gates.yaml")
    assert "gates.yaml: " in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_file_is_one_line(tmp_path):
    with pytest.raises(UserError, match=r"gates\.yaml not found"):
        read_gates(tmp_path / "gates.yaml")


@pytest.mark.parametrize(
    ("word", "at_the_limit", "over", "under"),
    [
        ("at_least", True, True, False),
        ("at_most", True, False, True),
        ("above", False, True, False),
        ("below", False, False, True),
    ],
)
def test_limits_by_value(word, at_the_limit, over, under):
    limit = Limit("metrics/sparsity.json", "m", word, 0.5)
    assert [judge(limit, 0.5, value) for value in (0.5, 0.51, 0.49)] == [at_the_limit, over, under]
    assert judge(limit, 0.5, math.nan) is False


def test_a_limit_needs_no_base():
    [outcome] = judge_limits([Limit("metrics/a.json", "m", "below", 2)], {"metrics/a.json": {"m": values(None, 1)}})
    assert (outcome.name, outcome.limit, outcome.base, outcome.now, outcome.passes) == ("a.m", "< 2", None, 1, True)


@pytest.mark.parametrize(
    ("diff", "message"),
    [
        (
            {"metrics/sparsity.json": {"mean": values(1, 1)}},
            "metrics/sparsity.json has no metric 'nmean'. Did you mean 'mean'",
        ),
        (
            {"metrics/sparsities.json": {}},
            "no metrics file 'metrics/sparsity.json'. Did you mean 'metrics/sparsities.json'",
        ),
        ({}, "no metrics file 'metrics/sparsity.json'. Run: dvc repro"),
        ({"metrics/sparsity.json": {"nmean": values(1, None)}}, "no number in the workspace. Run: dvc repro"),
        ({"metrics/sparsity.json": {"nmean": values(1, "x")}}, "no number in the workspace. Run: dvc repro"),
    ],
)
def test_a_metric_that_is_not_there_is_one_line(diff, message):
    with pytest.raises(UserError, match=message):
        judge_limits([Limit("metrics/sparsity.json", "nmean", "above", 0)], diff)


@pytest.mark.parametrize(
    ("old", "new", "passes"),
    [(0.70, 0.75, True), (0.70, 0.68, True), (0.70, 0.679, False), (0.70, math.nan, False), (None, 0.70, None)],
)
def test_ndcg_by_tolerance_where_no_test_is_possible(old, new, passes):
    [outcome] = judge_quality(RULE, eval_diff(old, new), no_queries)
    assert outcome.passes is passes
    if passes is not None:
        assert outcome.judged_by == "tolerance 0.02 (no queries.json here)"


def test_ndcg_by_the_paired_test():
    outcomes = {
        name: judge_quality(RULE, eval_diff(0.8, new), lambda now=now: (queries([0.8] * 40), queries(now)))[0]
        for name, new, now in (
            ("equal", 0.8, [0.8] * 40),
            ("worse", 0.65, [0.6] * 30 + [0.8] * 10),
            ("unsure", 0.775, [0.8] * 39 + [-0.2]),  # one query: more than the tolerance, but no more than chance
            ("better", 0.95, [1.0] * 30 + [0.8] * 10),
        )
    }
    assert {name for name, outcome in outcomes.items() if not outcome.passes} == {"worse"}
    assert outcomes["worse"].judged_by == "paired test, 40 queries: p = 0.0001"
    assert outcomes["unsure"].judged_by == "paired test, 40 queries: p = 1.0000"


@pytest.mark.parametrize(
    ("base", "now", "reason"),
    [
        (queries([0.7] * 40), queries([0.6] * 40, ids=IDS[::-1]), "other queries than the base's"),
        (queries([0.7] * 40), queries([0.5] * 40), "queries.json here is of another run than metrics/eval.json"),
        (queries([0.9] * 40), queries([0.6] * 40), "queries.json of the base is of another run than metrics/eval.json"),
        (
            queries([0.7] * 40, split="val"),
            queries([0.6] * 40),
            "queries.json of the base is of another run than metrics/eval.json",
        ),
        (queries([0.7] * 40), {"ids": IDS}, "a queries.json of another form"),
        (queries([]), queries([]), "a queries.json of another form"),
        ([], [], "a queries.json of another form"),
    ],
)
def test_queries_that_cannot_be_paired_leave_the_tolerance(base, now, reason):
    [outcome] = judge_quality(RULE, eval_diff(0.7, 0.6), lambda: (base, now))
    assert outcome.judged_by == f"tolerance 0.02 ({reason})"
    assert outcome.passes is False


def test_without_a_test_split_validation_is_judged():
    [outcome] = judge_quality(RULE, eval_diff(0.7, 0.7, split="val"), no_queries)
    assert outcome.name == "val nDCG@10, encoded queries"
    assert outcome.passes


def test_an_unknown_system_is_one_line():
    with pytest.raises(UserError, match=r"no metric 'test.siamise.ndcg10'. Did you mean 'test.siamese.ndcg10'"):
        judge_quality(NotWorse(("siamise",), 0.05, 0.02), eval_diff(0.7, 0.7), no_queries)
