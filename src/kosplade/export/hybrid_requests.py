"""Requests of a hybrid search: the sparse field and BM25 by nori, as the client sends them and an export holds them."""

from typing import Any

TEXT_FIELDS = ("title", "text")
DEPTH = 100  # of each part that a score is made of, as in the stage eval
RRF_CONSTANT = 60  # Cormack, Clarke and Büttcher 2009


def text_properties(analyzer: str | None = "nori") -> dict[str, dict[str, str]]:
    """The mapping of the fields that BM25 searches; `analyzer` None is the server's own, which knows no Korean."""
    return {name: {"type": "text"} | ({"analyzer": analyzer} if analyzer else {}) for name in TEXT_FIELDS}


def bm25_query(text: str) -> dict[str, Any]:
    """BM25 over title and text as if they were one field."""
    return {"multi_match": {"query": text, "fields": list(TEXT_FIELDS), "type": "cross_fields"}}


def hybrid_query(sparse: dict[str, Any], text: str, depth: int = DEPTH) -> dict[str, Any]:
    """The `depth` best of both parts, the sparse one first; a search pipeline makes one score of the two."""
    return {"hybrid": {"queries": [sparse, bm25_query(text)], "pagination_depth": depth}}


def normalization_pipeline(weight: float) -> dict[str, Any]:
    """The search pipeline that scores as `kosplade.retrieval.hybrid.hybrid_run`; `weight` as there."""
    combination = {"technique": "arithmetic_mean", "parameters": {"weights": [weight, round(1 - weight, 6)]}}
    processor = {"normalization": {"technique": "min_max"}, "combination": combination}
    return {"phase_results_processors": [{"normalization-processor": processor}]}


def rrf_pipeline() -> dict[str, Any]:
    """The search pipeline that adds 1 / (60 + rank) of both parts: it needs no weight."""
    combination = {"technique": "rrf", "rank_constant": RRF_CONSTANT}
    return {"phase_results_processors": [{"score-ranker-processor": {"combination": combination}}]}
