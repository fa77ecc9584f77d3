"""Confidence intervals of a mean over queries."""

import numpy as np

RESAMPLES = 2000


def interval(values: list[float], seed: int, level: float = 0.95) -> tuple[float, float]:
    """Percentile bootstrap interval of the mean (Efron 1979): (low, high). Raises ValueError without values."""
    if not values:
        raise ValueError("an interval needs at least one value")
    data_Q = np.asarray(values, dtype=np.float64)
    rng = np.random.default_rng(seed)
    means = data_Q[rng.integers(len(data_Q), size=(RESAMPLES, len(data_Q)))].mean(axis=1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
