"""One score of two runs, by hand."""

import pytest

from kosplade.retrieval.hybrid import best_weight, hybrid_run

SPARSE = {"q": {"a": 9.0, "b": 5.0, "c": 1.0}, "only": {"x": 3.0}, "none": {}}
LEXICAL = {"q": {"c": 30.0, "b": 20.0, "d": 10.0}, "none": {"y": 2.0}}


def test_scores_by_hand():
    # Within 0 and 1: a 1, b .5, c 0 of one run; c 1, b .5, d 0 of the other.
    found = hybrid_run(SPARSE, LEXICAL, 0.75, 10)
    assert list(found["q"].items()) == [("a", 0.75), ("b", 0.5), ("c", 0.25), ("d", 0.0)]
    # One document alone counts as the best of its run, and a run that is missing as an empty one.
    assert found["only"] == {"x": 0.75}
    assert found["none"] == {"y": 0.25}


def test_depth_and_the_order_of_ties():
    assert list(hybrid_run(SPARSE, LEXICAL, 0.5, 2)["q"]) == ["a", "b"]  # c has as much as they


@pytest.mark.parametrize(("relevant", "weight"), [("a", 0.5), ("c", 0.4), ("z", 0.5)])
def test_the_best_weight_is_that_of_the_validation_queries(relevant, weight):
    # a is first from .5 on, where it ties with c and was found before it; where nothing helps, even.
    assert best_weight({"q": {relevant: 1}}, {"q": SPARSE["q"]}, {"q": LEXICAL["q"]}) == weight


@pytest.mark.parametrize(("lexical_wins", "weight"), [(3, 0.5), (30, 0.4)])
def test_a_better_weight_must_be_better_by_more_than_its_standard_error(lexical_wins, weight):
    # c is first up to .4 and third from .5 on, a the other way round. Of 3 and 2 queries the mean difference is .1 and
    # its error .22, of 30 and 2 they are .44 and .04.
    wanted = ["c"] * lexical_wins + ["a"] * 2
    qrels = {str(row): {id_: 1} for row, id_ in enumerate(wanted)}
    assert best_weight(qrels, dict.fromkeys(qrels, SPARSE["q"]), dict.fromkeys(qrels, LEXICAL["q"])) == weight
