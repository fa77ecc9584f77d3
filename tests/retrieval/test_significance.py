"""Paired randomisation tests against p values counted by hand, and Holm's correction."""

import numpy as np
import pytest

from kosplade.retrieval.significance import gains, holm, randomisation_test, randomisation_tests


@pytest.mark.parametrize(
    ("differences", "share"),
    [
        ([0.0] * 5, 1.0),
        ([0.5], 1.0),  # either sign is as far from 0
        ([1.0, 1.0], 2 / 4),  # ++ and --
        ([1.0, 1.0, 1.0], 2 / 8),
        ([1.0, -1.0], 1.0),  # the observed mean is 0
        # Sums of +-1 +-2 +-4 at least as far as 1 + 2 - 4 = -1: all of 1, 3, 5, 7 and their opposites.
        ([1.0, 2.0, -4.0], 1.0),
        # At least as far as -1 + 2 + 4 = 5: 7, 5, -5, -7 of 8.
        ([-1.0, 2.0, 4.0], 4 / 8),
        ([0.0, 3.0, 0.0, 3.0], 2 / 4),  # queries without a difference decide nothing
        ([0.1] * 6, 2 / 64),
    ],
)
def test_signs_counted_by_hand(differences, share):
    # Of 10,000 random signings the share varies by sqrt(p (1 - p) / 10,000), at most .005; four of those.
    assert randomisation_test(differences, seed=1) == pytest.approx(share, abs=4 * (share * (1 - share) / 1e4) ** 0.5)


def test_signings_that_only_differ_in_summation_are_ties():
    # 0.1 + 0.2 + 0.3 is 0.6000000000000001 and 0.3 + 0.2 + 0.1 is 0.6: no order of the queries may change p.
    assert randomisation_test([0.1, 0.2, 0.3], seed=0) == pytest.approx(2 / 8, abs=0.018)
    assert randomisation_test([0.3, 0.2, 0.1], seed=0) == pytest.approx(2 / 8, abs=0.018)


def test_the_direction_does_not_matter_and_the_seed_fixes_p():
    values = np.random.default_rng(0).normal(0.1, 0.5, 50).tolist()
    p = randomisation_test(values, seed=3)
    assert randomisation_test([-value for value in values], seed=3) == p
    assert 0.01 < p < 0.9
    assert randomisation_test(values, seed=4) != p


def test_holm_by_the_textbook():
    # .005 * 4, .01 * 3, .03 * 2, and .04 * 1 = .04, which may not be below .06.
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005}) == {"a": 0.03, "b": 0.06, "c": 0.06, "d": 0.02}
    assert holm({"b": 0.6, "a": 0.5}) == {"a": 1.0, "b": 1.0}
    assert holm({"only": 0.3}) == {"only": 0.3}
    assert holm({}) == {}


def test_rows_of_differences_are_tested_as_if_alone():
    rows = np.random.default_rng(5).normal(0.1, 0.5, (3, 40))
    assert randomisation_tests(rows, seed=6).tolist() == [randomisation_test(row, seed=6) for row in rows]


def test_gains_are_paired_by_query_corrected_over_the_pairs_of_a_measure_and_rounded():
    queries = [f"q{i}" for i in range(7)]
    found = gains(
        {
            "ndcg10": {
                "a": dict.fromkeys(queries, 1 / 3),
                "b": dict.fromkeys(queries, 0.0),
                "c": dict.fromkeys(reversed(queries), 1.0),
            },
            "recall1": {name: dict.fromkeys(queries, 1.0) for name in "abc"},
        },
        ["a"],
        ["b", "c"],
        seed=0,
    )
    # All signs equal: 2 of 2^7 signings are as far, .0156; twice that for two pairs of one measure.
    p = pytest.approx(2 * 2 / 2**7, abs=0.01)
    assert found["ndcg10"]["a"] == {
        "b": {"difference": 0.333333, "p_holm": p},
        "c": {"difference": -0.666667, "p_holm": p},
    }
    assert found["recall1"]["a"]["b"] == {"difference": 0.0, "p_holm": 1.0}
