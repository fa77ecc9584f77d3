"""Whether one system is better than another on the same queries: paired randomisation tests, corrected by Holm."""

import itertools
from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

import numpy as np

Test = TypeVar("Test", bound=Hashable)

PERMUTATIONS = 10_000
BLOCK = 1 << 22  # signs held at once


def randomisation_test(differences: Sequence[float], seed: int) -> float:
    """Two-sided p value of the paired differences of two systems; `randomisation_tests` says how."""
    return float(randomisation_tests(np.asarray(differences, dtype=np.float64)[None], seed)[0])


def randomisation_tests(differences_TQ: np.ndarray, seed: int) -> np.ndarray:
    """Two-sided p values [T] of T rows of paired differences under the hypothesis that two systems do not differ.

    Then the sign of each query's difference is a coin's toss. p is the share of PERMUTATIONS random signings, and of
    the observed one, whose mean is as far from 0 as the observed mean or farther: (1 + count) / (1 + PERMUTATIONS)
    (Smucker, Allan and Carterette 2007; the 1 by Davison and Hinkley 1997). Every row sees the same signings, those of
    `seed`, so a row's p does not depend on the others. Raises ValueError without differences.
    """
    _, queries = differences_TQ.shape
    if not queries:
        raise ValueError("a test needs at least one difference")
    # The same numbers summed in another order may differ in their last digits: those are ties, not smaller means.
    observed_T = np.abs(differences_TQ.sum(axis=1)) - 1e-9 * np.abs(differences_TQ).sum(axis=1)
    rng = np.random.default_rng(seed)
    rows = max(1, BLOCK // queries)
    count_T = np.zeros(len(differences_TQ), dtype=np.int64)
    for start in range(0, PERMUTATIONS, rows):
        shape = (min(rows, PERMUTATIONS - start), queries)
        signs_PQ = rng.integers(2, size=shape, dtype=np.int8) * np.int8(2) - np.int8(1)
        count_T += (np.abs(signs_PQ @ differences_TQ.T) >= observed_T).sum(axis=0)
    return (1 + count_T) / (1 + PERMUTATIONS)


def holm(p_values: Mapping[Test, float]) -> dict[Test, float]:
    """p values corrected for the number of tests in the mapping, its order kept (Holm 1979).

    The smallest of m is multiplied by m, the next by m - 1 and so on; none is below the one before it, none above 1.
    """
    corrected: dict[Test, float] = {}
    largest = 0.0
    for place, test in enumerate(sorted(p_values, key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - place) * p_values[test]))
        corrected[test] = largest
    return {test: corrected[test] for test in p_values}


def gains(
    values: Mapping[str, Mapping[str, Mapping[str, float]]],
    systems: Sequence[str],
    baselines: Sequence[str],
    seed: int,
) -> dict[str, dict[str, dict[str, dict[str, float]]]]:
    """Mean of each system less that of each baseline by each measure, with p values.

    `values` holds {measure: {system: {query: figure}}}, the same queries for all. The result is
    {measure: {system: {baseline: {"difference", "p_holm"}}}}, rounded to 6 digits; `holm` corrected the p values of a
    measure over all of its pairs.
    """
    pairs = list(itertools.product(systems, baselines))
    differences_TQ = np.array(
        [
            [value - of[baseline][query] for query, value in of[system].items()]
            for of in values.values()
            for system, baseline in pairs
        ]
    )
    p_values = iter(randomisation_tests(differences_TQ, seed))
    means = iter(differences_TQ.mean(axis=1))
    found: dict[str, dict[str, dict[str, dict[str, float]]]] = {}
    for measure in values:
        corrected = holm({pair: float(next(p_values)) for pair in pairs})
        found[measure] = {system: {} for system in systems}
        for system, baseline in pairs:
            figures = {"difference": round(float(next(means)), 6), "p_holm": round(corrected[system, baseline], 6)}
            found[measure][system][baseline] = figures
    return found
