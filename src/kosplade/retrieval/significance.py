"""Whether one system is better than another on the same queries: paired randomisation tests, corrected by Holm."""

import itertools
from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

import numpy as np

Test = TypeVar("Test", bound=Hashable)

PERMUTATIONS = 10_000
BLOCK = 1 << 22  # signs held at once


def randomisation_test(differences: Sequence[float], seed: int) -> float:
    """Two-sided p value of the paired differences of two systems under the hypothesis that they do not differ.

    Then the sign of each query's difference is a coin's toss. p is the share of PERMUTATIONS random signings, and of
    the observed one, whose mean is as far from 0 as the observed mean or farther: (1 + count) / (1 + PERMUTATIONS)
    (Smucker, Allan and Carterette 2007; the 1 by Davison and Hinkley 1997). Raises ValueError without differences.
    """
    if not len(differences):
        raise ValueError("a test needs at least one difference")
    differences_Q = np.asarray(differences, dtype=np.float64)
    # The same numbers summed in another order may differ in their last digits: those are ties, not smaller means.
    observed = abs(differences_Q.sum()) - 1e-9 * np.abs(differences_Q).sum()
    rng = np.random.default_rng(seed)
    rows = max(1, BLOCK // len(differences_Q))
    count = 0
    for start in range(0, PERMUTATIONS, rows):
        shape = (min(rows, PERMUTATIONS - start), len(differences_Q))
        signs_PQ = rng.integers(2, size=shape, dtype=np.int8) * np.int8(2) - np.int8(1)
        count += int((np.abs(signs_PQ @ differences_Q) >= observed).sum())
    return (1 + count) / (1 + PERMUTATIONS)


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
    values: Mapping[str, Mapping[str, float]], systems: Sequence[str], baselines: Sequence[str], seed: int
) -> dict[str, dict[str, dict[str, float]]]:
    """Mean of each system less that of each baseline, with p values that `holm` corrected over all of these pairs.

    `values` holds one figure for each system and query, the same queries for all. The result is
    {system: {baseline: {"difference", "p_holm"}}}, rounded to 6 digits.
    """
    differences = {
        (system, baseline): [value - values[baseline][query] for query, value in values[system].items()]
        for system, baseline in itertools.product(systems, baselines)
    }
    p_values = holm({pair: randomisation_test(paired, seed) for pair, paired in differences.items()})
    found: dict[str, dict[str, dict[str, float]]] = {system: {} for system in systems}
    for (system, baseline), paired in differences.items():
        difference = round(sum(paired) / len(paired), 6)
        found[system][baseline] = {"difference": difference, "p_holm": round(p_values[system, baseline], 6)}
    return found
