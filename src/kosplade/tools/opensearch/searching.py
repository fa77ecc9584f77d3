"""Queries to an index: a dot product out of `rank_feature` clauses, which every OpenSearch has."""

import re
from typing import Any

import numpy as np
from opensearchpy import OpenSearch, TransportError
from scipy.sparse import csr_matrix

from kosplade.analysis.explain import contributions
from kosplade.errors import UserError
from kosplade.export.hybrid_requests import hybrid_query, normalization_pipeline
from kosplade.retrieval.served import ServedModel
from kosplade.tools.opensearch.features import from_features, to_boosts
from kosplade.tools.opensearch.indexing import open_mappings
from kosplade.tools.opensearch.mapping import FIELD, difference

_SHOWN = 100  # characters of a document


def check_index(client: OpenSearch, index: str, fingerprint: str) -> None:
    """UserError unless the index is one that this model made."""
    if differs := difference(open_mappings(client, index), fingerprint):
        raise UserError(
            f"index '{index}' is {differs}. Search with the model that made it, or index again with --recreate."
        )


def encode_queries(model: ServedModel, texts: list[str], *, encoded: bool) -> csr_matrix:
    """Served vectors [Q, V]: by the tokenizer alone, or `encoded` by the encoder."""
    return model.encoded(texts, "") if encoded else model.inference_free(texts)


def request_body(query_1V: csr_matrix, size: int, source: list[str]) -> dict[str, Any]:
    """The search whose scores are the dot products: `linear` is the weight S kept in the index, `boost` multiplies."""
    clauses = [
        {"rank_feature": {"field": f"{FIELD}.{name}", "boost": boost, "linear": {}}}
        for name, boost in to_boosts(query_1V).items()
    ]
    # Without an exact number of hits the server may skip documents that cannot reach the top.
    return {"size": size, "query": {"bool": {"should": clauses}}, "_source": source, "track_total_hits": False}


def hybrid_body(query_1V: csr_matrix, text: str, weight: float, size: int, source: list[str]) -> dict[str, Any]:
    """The same together with BM25 over title and text; `weight` is the share of the dot products."""
    body = request_body(query_1V, size, source)
    sparse = body["query"] if query_1V.nnz else {"match_none": {}}
    return body | {"query": hybrid_query(sparse, text), "search_pipeline": normalization_pipeline(weight)}


def search_index(
    client: OpenSearch, index: str, body: dict[str, Any], owner: str = "the query"
) -> list[dict[str, Any]]:
    """The hits, best first, as OpenSearch gives them: `_id`, `_score` and what `body` asks of `_source`.

    A shard that fails is an error, not a shorter list. UserError, naming `owner`, for a query of more pieces than the
    server takes clauses, which is a setting of the server's, and for a hybrid where the plugin is missing.
    """
    if body["query"] == {"bool": {"should": []}}:
        return []  # to a server, a bool query without clauses means every document
    try:
        return client.search(index=index, body=body, allow_partial_search_results=False)["hits"]["hits"]
    except TransportError as error:  # 500, and 400 of newer servers
        if "hybrid" in body["query"] and re.search(
            r"unknown query \[hybrid\]|normalization-processor", str(error.info)
        ):
            raise UserError(
                "--hybrid: the server has no plugin neural-search. Install it, or leave --hybrid out."
            ) from None
        if not (limit := re.search(r"maxClauseCount is set to (\d+)", str(error.info))):
            raise
        raise UserError(
            f"index '{index}': {owner} has more pieces than the server takes, {limit[1]}. Shorten it with "
            "--max-query-length, leave out --encoded, or raise the server's indices.query.bool.max_clause_count."
        ) from None


def format_hit(rank: int, hit: dict[str, Any]) -> str:
    """One line: rank, score, id, the first characters of title and text."""
    source = hit["_source"]
    text = " ".join(f"{source['title']} {source['text']}".split())
    return f"{rank:>3}  {hit['_score']:9.4f}  {hit['_id']}  {text[:_SHOWN]}"


def format_pieces(model: ServedModel, query_1V: csr_matrix, hit: dict[str, Any]) -> str:
    """One line: the pieces that add most to a hit's score, as `piece query weight * document weight`."""
    document_1V = from_features(hit["_source"][FIELD], len(model.unserved_V))
    pieces = contributions(query_1V.astype(np.float32), document_1V, model.tokenizer)
    return "     " + ", ".join(f"{p['piece']} {p['query_weight']:.2f}*{p['document_weight']:.2f}" for p in pieces)
