"""How limits and nDCG@10 are judged."""

import json

import pytest

from kosplade.errors import UserError
from kosplade.report.experiments import Files
from kosplade.report.gates import NotWorse
from kosplade.report.review.outcomes import judge_limits, judge_quality

RULE = NotWorse(systems=["encoded"], level=0.05, tolerance=0.02)
PARAMS = {"params.yaml": {"version": {"old": "base", "new": "now"}}}
HERE = Files(None)


def values(old, new) -> dict:
    return {"old": old, "new": new}


def eval_diff(old, new, split="test", documents=("a", "a")) -> dict:
    basis = {"basis.documents": values(*documents), f"basis.{split}": values("b", "b")}
    return {"metrics/eval.json": {f"{split}.encoded.ndcg10": values(old, new), **basis}}


@pytest.fixture
def leave(tmp_path, monkeypatch):
    """A function that writes what both runs left of their queries."""
    monkeypatch.chdir(tmp_path)

    def write(**scores) -> None:
        for name, figures in scores.items():
            folder = tmp_path / f"outputs/eval_{name}"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "queries.json").write_text(json.dumps({"ndcg10": {"encoded": figures}}))

    return write


def judged(diff):
    [outcome] = judge_quality(RULE, PARAMS, diff, HERE, HERE)
    return outcome


def test_a_limit_needs_no_base():
    [outcome] = judge_limits({"metrics/a.json": {"m": {"below": 2}}}, {"metrics/a.json": {"m": values(None, 1)}})
    assert (outcome.name, outcome.limit, outcome.base, outcome.now, outcome.passes) == ("a.m", "< 2", None, 1, True)


@pytest.mark.parametrize(
    ("diff", "place", "remedy"),
    [
        (
            {"metrics/sparsity.json": {"mean": values(1, 1)}},
            "metrics/sparsity.json has no metric 'nmean'",
            "run: dvc repro",
        ),
        ({}, "metrics/sparsity.json has no metric 'nmean'", "Correct the name"),
        ({"metrics/sparsity.json": {"nmean": values(1, None)}}, "metrics/sparsity.json: nmean", "Run: dvc repro"),
    ],
)
def test_a_metric_that_is_not_there_is_one_line(diff, place, remedy):
    with pytest.raises(UserError) as error:
        judge_limits({"metrics/sparsity.json": {"nmean": {"above": 0}}}, diff)
    assert place in str(error.value)
    assert remedy in str(error.value)


@pytest.mark.parametrize(("new", "passes"), [(0.75, True), (0.68, True), (0.679, False)])
def test_ndcg_by_tolerance_where_no_test_is_possible(leave, new, passes):
    outcome = judged(eval_diff(0.70, new))
    assert (outcome.passes, outcome.judged_by) == (passes, "tolerance 0.02")
    assert outcome.why == "no paired test: outputs/eval_base/queries.json of the base: No such file or directory"


@pytest.mark.parametrize(
    ("now", "p", "passes"),
    [
        ([0.8] * 40, "1.0000", True),
        ([0.6] * 30 + [0.8] * 10, "0.0001", False),
        ([0.8] * 39 + [-0.2], "1.0000", True),  # one query: more than the tolerance, but no more than chance
        ([1.0] * 30 + [0.8] * 10, "0.0001", True),
    ],
)
def test_ndcg_by_the_paired_test(leave, now, p, passes):
    leave(base=[0.8] * 40, now=now)
    outcome = judged(eval_diff(0.8, sum(now) / 40))
    assert (outcome.passes, outcome.judged_by) == (passes, f"paired test, 40 queries: p = {p}")


@pytest.mark.parametrize(
    ("base", "now", "reason"),
    [
        ([0.7] * 40, [0.5] * 40, "eval_now/queries.json here is of another run"),
        ([0.9] * 40, [0.6] * 40, "eval_base/queries.json of the base is of another run"),
        ([0.7] * 40, None, "eval_now/queries.json here is broken"),
        ([], [], "eval_base/queries.json of the base is broken"),
    ],
)
def test_queries_that_cannot_be_paired_leave_the_tolerance_and_say_so(leave, base, now, reason):
    leave(base=base, now=now)
    outcome = judged(eval_diff(0.7, 0.6))
    assert outcome.passes is False
    assert reason in outcome.why


def test_figures_of_another_collection_are_not_judged(leave):
    outcome = judged(eval_diff(0.7, 0.2, documents=("a", "c")))
    assert (outcome.passes, outcome.why) == (None, "another collection: not compared")


def test_a_base_without_a_basis_or_a_figure_is_not_judged(leave):
    older = {"metrics/eval.json": {"test.encoded.ndcg10": values(0.7, 0.2), "basis.documents": values(None, "a")}}
    assert judged(older).why == "the base records no basis: not compared"
    assert judged(eval_diff(None, 0.7)).why == "the base has no figure"


def test_without_a_test_split_validation_is_judged(leave):
    assert judged(eval_diff(0.7, 0.7, split="val")).name == "val nDCG@10, encoded queries"


def test_an_unknown_system_is_one_line():
    rule = NotWorse(systems=["encodid"], level=0.05, tolerance=0.02)
    with pytest.raises(UserError, match=r"no metric 'test.encodid.ndcg10'. Correct the name"):
        judge_quality(rule, PARAMS, eval_diff(0.7, 0.7), HERE, HERE)
