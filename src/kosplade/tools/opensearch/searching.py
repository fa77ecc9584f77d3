"""Queries to an index: a dot product out of `rank_feature` clauses, which every OpenSearch has."""

import re
from collections.abc import Callable, Mapping
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
from opensearchpy import OpenSearch, TransportError
from scipy.sparse import csr_matrix

from kosplade.analysis.explain import contributions
from kosplade.errors import UserError
from kosplade.export.hybrid_requests import DEPTH, hybrid_query, normalization_pipeline
from kosplade.export.seismic import ranks_of
from kosplade.records.document import Document
from kosplade.retrieval.served import ServedModel
from kosplade.tools.encode.shards import Folder
from kosplade.tools.opensearch.approximate import approximate_query
from kosplade.tools.opensearch.features import kept_weights, to_boosts
from kosplade.tools.opensearch.indexing import open_mappings
from kosplade.tools.opensearch.mapping import CHUNKS, FIELD, difference

CHECKED, CHECKED_PIECES = 16, 100  # documents that `check_scores` asks for, by as many pieces
_SHOWN = 100  # characters of a document


def check_index(client: OpenSearch, index: str, fingerprint: str) -> Mapping[str, Any]:
    """What the index says of itself (`index_body`): its model, which must be this one, or UserError; its documents."""
    mappings = open_mappings(client, index)
    if differs := difference(mappings, fingerprint):
        raise UserError(
            f"index '{index}' is {differs}. Search with the model that made it, or index again with --recreate."
        )
    return mappings["_meta"]["kosplade"]


def encode_queries(model: ServedModel, texts: list[str], *, encoded: bool) -> csr_matrix:
    """Served vectors [Q, V]: by the tokenizer alone, or `encoded` by the encoder."""
    return model.encoded(texts, "") if encoded else model.inference_free(texts)


def query_of(model: ServedModel, kind: str, size: int) -> Callable[[csr_matrix], dict[str, Any]]:
    """What makes queries [1, V] of the model for an index of that kind, of which at least `size` hits are wanted."""
    if kind == "approximate":
        return partial(approximate_query, field=FIELD, ranks=ranks_of(model), size=size)
    return partial(sparse_query, kind=kind)


def sparse_query(query_1V: csr_matrix, kind: str = "exact") -> dict[str, Any]:
    """The query whose scores are the dot products: `linear` is the weight S kept in the index, `boost` multiplies.

    Of a chunked index a document's score is that of its best chunk, which comes along as inner hit.
    """
    field = f"{CHUNKS}.{FIELD}" if kind == "chunked" else FIELD
    clauses = [
        {"rank_feature": {"field": f"{field}.{name}", "boost": boost, "linear": {}}}
        for name, boost in to_boosts(query_1V).items()
    ]
    # To a server, a bool query without clauses means every document.
    query = {"bool": {"should": clauses}} if clauses else {"match_none": {}}
    if kind == "chunked":
        return {"nested": {"path": CHUNKS, "score_mode": "max", "query": query, "inner_hits": {"size": 1}}}
    return query


def request_body(query: dict[str, Any], size: int, source: list[str]) -> dict[str, Any]:
    """The search for `size` documents with the fields `source`."""
    # Without an exact number of hits the server may skip documents that cannot reach the top.
    return {"size": size, "query": query, "_source": source, "track_total_hits": False}


def with_bm25(body: dict[str, Any], text: str, weight: float) -> dict[str, Any]:
    """The search together with BM25 over title and text; `weight` is the share of the dot products."""
    query = hybrid_query(body["query"], text, max(DEPTH, body["size"]))
    return body | {"query": query, "search_pipeline": normalization_pipeline(weight)}


def search_index(
    client: OpenSearch, index: str, body: dict[str, Any], owner: str = "the query"
) -> list[dict[str, Any]]:
    """The hits, best first, as OpenSearch gives them: `_id`, `_score` and what `body` asks of `_source`.

    A shard that fails is an error, not a shorter list. UserError, naming `owner`, for a query of more pieces than the
    server takes clauses, which is a setting of the server's, and for a hybrid where the plugin is missing.
    """
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


def check_scores(client: OpenSearch, index: str, folder: Folder) -> int:
    """Search for some documents of an exact index by their own heaviest pieces; return how many.

    UserError unless the score of each is the dot product of the weights in `folder`, as an index keeps them.
    """
    checked = 0
    for encoded in islice(folder.read(), CHECKED):  # the first document with a vector of each shard
        number = int(np.argmax(np.diff(encoded.vectors_NV.indptr) > 0)) if encoded.vectors_NV.nnz else None
        if number is None:
            continue
        vector_1V, id_ = encoded.vectors_NV[number], encoded.documents[number].id
        heaviest = np.argsort(-vector_1V.data)[:CHECKED_PIECES]
        weights, pieces = vector_1V.data[heaviest], vector_1V.indices[heaviest]
        query = sparse_query(csr_matrix((weights, pieces, [0, len(pieces)]), shape=vector_1V.shape))
        only = {"bool": {"must": query, "filter": {"ids": {"values": [id_]}}}}
        hits = search_index(client, index, request_body(only, 1, []))
        score, expected = hits[0]["_score"] if hits else 0.0, float(weights @ kept_weights(weights))
        if not np.isclose(score, expected, rtol=1e-4):
            raise UserError(
                f"index '{index}': document '{id_}' scores {score:g} where the dot product is {expected:g}. "
                "If its _id occurs twice, repair the inputs and encode again; else index with --recreate."
            )
        checked += 1
    return checked


def format_hit(rank: int, hit: dict[str, Any]) -> str:
    """One line: rank, score, id, the first characters of title and text."""
    source = hit["_source"]
    text = " ".join(f"{source['title']} {source['text']}".split())
    return f"{rank:>3}  {hit['_score']:9.4f}  {hit['_id']}  {text[:_SHOWN]}"


def format_pieces(model: ServedModel, query_1V: csr_matrix, hit: dict[str, Any]) -> str:
    """The pieces that add most to a hit's dot product, as `piece query weight * document weight`; one line.

    Of a document of chunks they are those of its best one, which a line before them shows. The document is encoded
    again, by the model that made the index, as long as there: the server keeps no vector to read.
    """
    text, chunk = Document("", hit["_id"], hit["_source"]["title"], hit["_source"]["text"]).whole, ""
    if "inner_hits" in hit:
        [best] = hit["inner_hits"][CHUNKS]["hits"]["hits"]
        text = best["_source"]["text"]
        chunk = f"     chunk {best['_nested']['offset'] + 1}: {' '.join(text.split())[:_SHOWN]}\n"
    document_1V = model.documents([text], "")
    pieces = contributions(query_1V.astype(np.float32), document_1V, model.tokenizer)
    listed = ", ".join(f"{p['piece']} {p['query_weight']:.2f}*{p['document_weight']:.2f}" for p in pieces)
    return f"{chunk}     {listed}"
