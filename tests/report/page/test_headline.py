"""The verdict in words: better, worse, no difference shown, and not testable."""

import dataclasses

import pytest
from report.conftest import GATES, on

from kosplade.report.experiments import Experiment
from kosplade.report.figures import signed
from kosplade.report.page import headline
from kosplade.report.page.headline import NBSP, Verdict, p_text
from kosplade.retrieval.significance import gains

QUERIES = [f"q{place}" for place in range(60)]


def judge(base: Experiment, new: Experiment) -> Verdict:
    return headline.judge(base, new, GATES)


def scored(experiment: Experiment, **ndcg10: list[float]) -> Experiment:
    """The experiment with these figures of 60 queries."""
    return dataclasses.replace(experiment, queries={"split": "test", "ids": QUERIES, "ndcg10": ndcg10})


def plain(sentence: str) -> str:
    return sentence.replace(NBSP, " ")


LOW, HIGH = [0.3005 + place / 1000 for place in range(60)], [0.5005 + place / 1000 for place in range(60)]
MIXED = [score + (0.1 if place % 2 else -0.1) for place, score in enumerate(LOW)]


@pytest.mark.parametrize(
    ("before", "after", "headline"),
    [
        ((LOW, LOW), (HIGH, HIGH), "v25 is better than v24."),
        ((HIGH, HIGH), (LOW, LOW), "v25 is worse than v24."),
        ((LOW, LOW), (MIXED, MIXED), "No difference shown between v25 and v24."),
        ((LOW, LOW), (LOW, LOW), "No difference shown between v25 and v24."),
        (
            (LOW, LOW),
            (HIGH, MIXED),
            "v25: better than v24 with inference-free queries, no difference shown with encoded queries.",
        ),
        (
            (LOW, HIGH),
            (HIGH, LOW),
            "v25: better than v24 with inference-free queries, worse than v24 with encoded queries.",
        ),
    ],
)
def test_the_headline_says_what_the_tests_show(base, new, before, after, headline):
    names = ("inference_free", "encoded")
    verdict = judge(
        scored(base, **dict(zip(names, before, strict=True))), scored(new, **dict(zip(names, after, strict=True)))
    )
    assert verdict.headline == headline


def test_the_numbers_stand_behind_the_headline(base, new):
    verdict = judge(scored(base, inference_free=LOW), scored(new, inference_free=HIGH))
    said = "On 60 test queries, v25 has an nDCG@10 of 0.530 against 0.330 with inference-free queries."
    assert verdict.sentences[0] == said
    (one,) = verdict.comparisons
    assert (one.difference, one.low, one.high) == pytest.approx((0.2, 0.2, 0.2))
    assert p_text(one.p) == f"p{NBSP}<{NBSP}.001"


def test_a_loss_against_a_baseline_is_a_loss(base, new):
    verdict = judge(
        scored(base, inference_free=MIXED), scored(new, inference_free=MIXED, bm25=HIGH, bm25_kiwi=LOW, dense=LOW)
    )
    assert [(one.against, one.outcome) for one in verdict.comparisons] == [
        ("base", "unsure"),
        ("bm25", "worse"),
        ("bm25_kiwi", "unsure"),
        ("dense", "unsure"),
    ]


def test_p_values_against_baselines_are_those_of_the_stage_eval(base, new):
    """Same seed, same group of tests, same correction as retrieval.significance.gains writes into metrics/eval.json."""
    values, ids = new.queries["ndcg10"], new.queries["ids"]
    by_query = {name: dict(zip(ids, scores, strict=True)) for name, scores in values.items()}
    systems, baselines = ("inference_free", "encoded"), ("bm25", "bm25_kiwi", "dense")
    expected = gains({"ndcg10": by_query}, systems, baselines, 0)["ndcg10"]
    for one in judge(base, new).comparisons[2:]:
        assert one.p == pytest.approx(expected[one.way][one.against]["p_holm"], abs=1e-6)
        assert one.difference == pytest.approx(expected[one.way][one.against]["difference"], abs=1e-6)


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        (1.745, 0.24, "Stopword activation falls from 1.745 to 0.240, which keeps its limit (< 0.5)."),
        (0.24, 1.745, "Stopword activation rises from 0.240 to 1.745, which breaks its limit (< 0.5)."),
        (0.5, 0.5, "Stopword activation stays at 0.500, which breaks its limit (< 0.5)."),
    ],
)
def test_stopword_activation_before_and_after(base, new, before, after, sentence):
    def activated(experiment: Experiment, value: float) -> Experiment:
        sparsity = experiment.metrics["sparsity"] | {"stopword_activation": value}
        return dataclasses.replace(experiment, metrics=experiment.metrics | {"sparsity": sparsity})

    assert judge(activated(base, before), activated(new, after)).sentences[-1] == sentence


@pytest.mark.parametrize(
    ("basis", "reason"),
    [
        ({"documents": "other"}, "another collection"),
        ({"test": "other"}, "other queries or judgements"),
        ({"depth": 200}, "another eval.depth (200; now 100)"),
        ({}, "the base records no basis"),
    ],
)
def test_what_is_not_comparable_is_not_tested_and_says_why(base, new, basis, reason):
    verdict = judge(on(base, **basis), new)
    assert verdict.headline == "v25 and v24 cannot be tested against each other."
    assert verdict.sentences[0].startswith(f"No paired test: {reason}: not compared. Each on its own queries, v25 has")
    assert f"v24 and v25: {reason}: not compared." in verdict.notes
    assert {one.against for one in verdict.comparisons} == {"bm25", "bm25_kiwi", "dense"}


def test_a_baseline_on_another_basis_leaves_the_rest(base, new):
    verdict = judge(on(base, dense="another teacher"), new)
    assert verdict.headline == "v25 is better than v24."
    assert verdict.notes[-1].startswith("v24 and v25: other settings of dense teacher (another teacher; now k1 1.2)")


def test_numbers_are_set_for_reading():
    assert (signed(0.0264), signed(-0.5)) == ("+0.026", "\N{MINUS SIGN}0.500")
    assert [plain(p_text(p)) for p in (0.0001, 0.0264, 1.0)] == ["p < .001", "p = .026", "p = 1.000"]
