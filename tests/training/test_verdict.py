"""The verdict over a short training."""

import numpy as np
import pytest
from objective_recipes import PARAMS, V24

from kosplade.training.verdict import ENOUGH, judge


def rows(losses, ratio=5.0):
    return [{"loss_without_flops": x, "semantic_ratio": ratio, "stopword_activation": 0.1} for x in losses]


def noisy(start, stop, steps, seed=0):
    return np.linspace(start, stop, steps) + np.random.default_rng(seed).normal(0, 0.3, steps)


def test_a_loss_that_falls_is_fine_and_its_figures_are_means_of_thirds():
    verdict = judge(rows([3.0, 2.0, 9.0, 9.0, 1.0, 2.0]), PARAMS)
    assert (verdict.error, verdict.doubt) == ("", "")
    assert verdict.figures == {
        "loss_first": 2.5,
        "loss_last": 1.5,
        "semantic_ratio": 5.0,
        "stopword_activation": 0.1,
    }


@pytest.mark.parametrize("steps", [1, ENOUGH - 1])
def test_a_few_steps_of_noise_are_no_verdict(steps):
    flat = [2.5 + 0.1 * (-1) ** n for n in range(steps)]
    for losses in (flat, flat[::-1]):
        verdict = judge(rows(losses), PARAMS)
        assert verdict.error == ""
    assert "too few steps to say" in verdict.doubt
    assert "verify.samples" in verdict.doubt


def test_a_few_steps_that_clearly_rise_are_an_error():
    assert "does not fall" in judge(rows([1.0, 1.1, 1.0, 2.0, 5.0, 5.1, 5.2, 5.0, 5.1]), PARAMS).error


def test_enough_steps_must_fall():
    assert judge(rows(noisy(2.5, 1.5, 60)), PARAMS).error == ""
    error = judge(rows(noisy(2.5, 2.6, 60)), PARAMS).error
    assert "does not fall (2." in error
    assert "in 60 steps" in error


@pytest.mark.parametrize(("max_steps", "remedy"), [(30, "Raise train.max_steps"), (-1, "Raise verify.epochs")])
def test_the_remedy_names_what_is_too_small(max_steps, remedy):
    params = PARAMS.model_copy(update={"train": PARAMS.train.model_copy(update={"max_steps": max_steps})})
    assert remedy in judge(rows(np.linspace(1, 2, 30)), params).error


def test_with_the_mask_semantic_pieces_must_lead():
    falling = np.linspace(2, 1, 60)
    assert "Raise stopword_penalty or lambda_flops" in judge(rows(falling, ratio=0.9), PARAMS).error
    assert judge(rows(falling[:9], ratio=0.9), PARAMS).doubt
    v24 = PARAMS.model_copy(update={"loss": PARAMS.loss.model_copy(update=V24)})
    assert judge(rows(falling, ratio=0.9), v24).error == ""
