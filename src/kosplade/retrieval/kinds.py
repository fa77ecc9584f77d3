"""Figures over all queries and over those of each kind."""

from collections.abc import Mapping, Sequence

from kosplade.retrieval.bootstrap import interval


def ndcg_by_kind(
    values: Mapping[str, Mapping[str, float]], query_ids: Sequence[str], kinds: Sequence[str | None], seed: int
) -> dict[str, dict]:
    """Mean nDCG@10 of every system with its 95 % interval, over all queries and over those of each kind.

    `values` holds one figure for each system and query; `kinds` is parallel to `query_ids`, None is "unknown". The
    result is {"all" or kind: {"queries": number, system: {"ndcg10", "low", "high"}}}, rounded to 6 digits.
    """
    groups = {"all": list(query_ids)}
    for query, kind in zip(query_ids, kinds, strict=True):
        groups.setdefault(kind or "unknown", []).append(query)
    rows: dict[str, dict] = {}
    for kind, queries in groups.items():
        rows[kind] = {"queries": len(queries)}
        for name, value in values.items():
            scores = [value[query] for query in queries]
            low, high = interval(scores, seed)
            mean = sum(scores) / len(scores)
            rows[kind][name] = {"ndcg10": round(mean, 6), "low": round(low, 6), "high": round(high, 6)}
    return rows
