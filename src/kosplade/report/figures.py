"""What the figures in metrics/ mean: their titles, which way is better, and what two of them must share to compare."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from kosplade.retrieval.basis import why_not_comparable
from kosplade.retrieval.beir import SPLITS
from kosplade.retrieval.results import BASELINES as REFERENCES
from kosplade.retrieval.results import SYSTEMS, figure

MINUS = "\N{MINUS SIGN}"
WAYS = {way: SYSTEMS[way] for way in ("inference_free", "encoded")}
BASELINES = {name: SYSTEMS[name] for name in REFERENCES}

# Metrics by the last part of their names, the most important first: 1 if more is better, -1 if less is.
DIRECTIONS = {
    r"ndcg10": 1,
    r"semantic_top10": 1,
    r"stopword_activation": -1,
    r"foreign_activation": -1,
    r"functional_(weight|top10)": -1,
    r"own_pieces_silent_\w+": -1,
    r"semantic_ratio": 1,
    r"document_nnz": -1,
    r"query_nnz": -1,
    r"flops(_document|_query)?": -1,
    r"index_bytes": -1,
    r"mrr10": 1,
    r"recall\d+": 1,
    r"difference": 1,
    r"own_piece_top1": 1,
}


class Headline(NamedTuple):
    """A metric of metrics/<stem>.json, of the reported split in eval.json, and its title."""

    stem: str
    metric: str
    title: str


SPARSITY = (
    Headline("sparsity", "semantic_top10", "semantic pieces in the top 10"),
    Headline("sparsity", "stopword_activation", "stopword activation"),
    Headline("sparsity", "semantic_ratio", "semantic ratio"),
    Headline("sparsity", "foreign_activation", "foreign activation"),
    Headline("sparsity", "functional_weight", "weight on grammar, by Kiwi's tags"),
    Headline("sparsity", "own_pieces_silent_hangul", "own Hangul pieces that weigh 0"),
    Headline("sparsity", "own_pieces_silent_ascii", "own ASCII pieces that weigh 0"),
    Headline("sparsity", "document_nnz", "pieces a document"),
)
HEADLINES = (
    *(Headline("eval", f"{name}.ndcg10", f"nDCG@10, {title}") for name, title in SYSTEMS.items()),
    *SPARSITY,
    Headline("cost", "inference_free.flops", "retrieval FLOPS, inference-free"),
)


def importance(metric: str) -> int:
    """Where a metric stands in DIRECTIONS, 0 first; their number for what is not there."""
    leaf = metric.split(".")[-1]
    return next((i for i, pattern in enumerate(DIRECTIONS) if re.fullmatch(pattern, leaf)), len(DIRECTIONS))


def direction(metric: str) -> int:
    """1 if more of a metric is better, -1 if less is, 0 where that is unknown or it is a baseline's."""
    *parents, leaf = metric.split(".")
    is_baselines = leaf != "difference" and BASELINES.keys() & set(parents)
    return 0 if is_baselines else [*DIRECTIONS.values(), 0][importance(metric)]


def change(metric: str, base: Any, now: Any) -> tuple[str, str, str]:
    """The difference of two values, its arrow, and whether it is better or worse, as far as that is known."""
    if base is None or now is None:
        return "", "", "new" if base is None else "gone"
    if figure(base) == figure(now):
        return "equal", "", ""
    if isinstance(base, str) or isinstance(now, str):
        return "", "", ""
    rises = now > base
    sense = ("", "better", "worse")[direction(metric) * (1 if rises else -1)]
    return signed(now - base), "▲" if rises else "▼", sense


def signed(value: float) -> str:
    """A difference with its sign: +0.026."""
    return f"{'+' if value >= 0 else MINUS}{figure(abs(value))}"


def not_comparable(base: Any, now: Any, stem: str, metric: str, split: str) -> str | None:
    """Why a metric of metrics/<stem>.json cannot be compared between two runs, None if it can.

    `base` and `now` are `basis` of their metrics/eval.json; metrics without a split of their own are of `split`.
    """
    parts = metric.split(".")
    keys = ["documents"]
    if stem in ("eval", "eval_by_kind", "cost"):
        keys += [parts[0] if parts[0] in SPLITS else split, *(BASELINES.keys() & set(parts))]
    keys += {"eval": ["depth"], "eval_by_kind": ["depth"], "sparsity": ["sample"]}.get(stem, [])
    return why_not_comparable(base, now, keys)


def leaf(metrics: Mapping[str, Any], metric: str) -> float | None:
    """The figure under a dotted name, None if an older run has none."""
    for part in metric.split("."):
        metrics = metrics.get(part, {})
    return None if metrics == {} else metrics
