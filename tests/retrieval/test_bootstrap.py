"""Bootstrap intervals where their values are known."""

import pytest

from kosplade.retrieval.bootstrap import interval


def test_two_values():
    # Resampled means of (0, 1): 0, .5 and 1 with 1/4, 1/2, 1/4. The 2.5 % and 97.5 % quantiles are 0 and 1;
    # the 30 % and 70 % quantiles are both .5.
    assert interval([0.0, 1.0], seed=0) == (0.0, 1.0)
    assert interval([0.0, 1.0], seed=0, level=0.4) == (0.5, 0.5)


def test_a_large_sample_is_about_normal():
    # 400 values, half 0 and half 1: deviation of the mean .5 / sqrt(400) = .025; .5 -+ 1.96 * .025 = .451, .549.
    # A 2.5 % quantile of 2,000 draws is good to about .0015; four of those.
    low, high = interval([0.0, 1.0] * 200, seed=3)
    assert low == pytest.approx(0.451, abs=0.006)
    assert high == pytest.approx(0.549, abs=0.006)
    # Level .5: -+ .6745 * .025 = .0169.
    low, high = interval([0.0, 1.0] * 200, seed=3, level=0.5)
    assert (low, high) == (pytest.approx(0.4831, abs=0.006), pytest.approx(0.5169, abs=0.006))


def test_the_seed_fixes_the_interval():
    values = [0.1, 0.7, 0.3, 0.9, 0.2]
    assert interval(values, seed=1) == interval(values, seed=1)
    assert interval(values, seed=1) != interval(values, seed=2)
