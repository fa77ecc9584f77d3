"""Which passages are kept where there are more than wanted: a share of each source, drawn by hash."""

from collections import Counter
from collections.abc import Mapping, Set


def spread(sources: Mapping[str, str], judged: Set[str], shares: Mapping[str, float], limit: int) -> frozenset[str]:
    """The ids of `limit` passages (0: of all), spread over the sources in proportion to their `shares`.

    `sources` maps the id of each passage to its source. Those that are `judged` stay, whatever their number, and count
    towards the share of their source; the rest is drawn in the order of the ids, which are hashes of the texts. So
    another passage, or another share, changes few of those that stay. What a source cannot fill goes to the others.
    """
    taken: Counter[str] = Counter()
    turns = {}
    for identifier in sorted(sources, key=lambda one: (one not in judged, one)):
        source = sources[identifier]
        taken[source] += 1
        turns[identifier] = (identifier not in judged, taken[source] / shares[source], identifier)
    wanted = max(limit or len(turns), len(judged & turns.keys()))
    return frozenset(sorted(turns, key=turns.__getitem__)[:wanted])
