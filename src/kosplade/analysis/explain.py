"""Which pieces decided a ranking, and the queries on which two systems differ most."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix
from transformers import PreTrainedTokenizerBase

from kosplade.retrieval.beir import Collection
from kosplade.retrieval.metrics import Run

DOCUMENT_CHARACTERS = 300  # of a document's text that go out, the ellipsis included


@dataclass(frozen=True)
class Searched:
    """A collection and the vectors a system searched it with: queries [Q, V] and documents [N, V] in its order."""

    collection: Collection
    queries_QV: csr_matrix
    documents_NV: csr_matrix
    tokenizer: PreTrainedTokenizerBase


def contributions(
    query_1V: csr_matrix, document_1V: csr_matrix, tokenizer: PreTrainedTokenizerBase, count: int = 8
) -> list[dict]:
    """The `count` pieces that add most to a score, largest first, ties by id; none that adds nothing.

    Each is {"piece", "query_weight", "document_weight", "score"}, where score is the product of the weights (CSR
    [1, V], non-negative). The products of all pieces add up to the score of the document.
    """
    query_V, document_V = (vector.toarray()[0].astype(np.float64) for vector in (query_1V, document_1V))
    ids = np.flatnonzero(query_V * document_V)
    scores = query_V[ids] * document_V[ids]
    ids = ids[np.argsort(-scores, kind="stable")[:count]].tolist()
    return [
        {
            "piece": piece,
            "query_weight": round(float(query_V[id_]), 6),
            "document_weight": round(float(document_V[id_]), 6),
            "score": round(float(query_V[id_] * document_V[id_]), 6),
        }
        for id_, piece in zip(ids, tokenizer.convert_ids_to_tokens(ids), strict=True)
    ]


def winners_and_losers(
    searched: Searched,
    runs: Mapping[str, Run],
    ndcg10: Mapping[str, Mapping[str, float]],
    *,
    system: str,
    baseline: str,
    count: int = 8,
) -> dict[str, list[dict]]:
    """The queries on which `system` gains most on `baseline` and those on which it loses most, `count` each.

    `searched` holds the vectors of `system`. `runs` and `ndcg10` hold, for both names, {query id: {document id: score}}
    best first (a query may be absent, as from a TREC run: nothing was retrieved) and nDCG@10 of every query. The result
    is {"winners": [...], "losers": [...]}, largest difference first, ties by query id; a difference that is 0 at 6
    digits is in neither. Each query is {"query_id", "query", "kind", "ndcg10", "baseline_ndcg10", "relevant", "first"}:

    - relevant: {"document_id", "text", "rank", "baseline_rank", "pieces"} of the relevant document (judged above 0)
      that `system` ranks best; if it retrieves none, of the one judged best, ties by id. Ranks start at 1, None is not
      retrieved.
    - first: {"document_id", "text", "pieces"} of the document that `system` ranks first, None if that is relevant or
      nothing was retrieved.

    "pieces" are the `contributions` to the score of `system`. Texts of documents are cut to DOCUMENT_CHARACTERS.
    """
    differences = {
        query_id: round(ndcg10[system][query_id] - ndcg10[baseline][query_id], 6)
        for query_id in searched.collection.query_ids
    }
    listed = {}
    for name, sign in (("winners", 1), ("losers", -1)):
        query_ids = [query_id for query_id in differences if sign * differences[query_id] > 0]
        query_ids.sort(key=lambda query_id: (-abs(differences[query_id]), query_id))
        listed[name] = [
            _explained(searched, query_id, runs[system].get(query_id, {}), runs[baseline].get(query_id, {}))
            | {
                "ndcg10": round(ndcg10[system][query_id], 6),
                "baseline_ndcg10": round(ndcg10[baseline][query_id], 6),
            }
            for query_id in query_ids[:count]
        ]
    return listed


def _explained(
    searched: Searched, query_id: str, found: Mapping[str, float], baseline_found: Mapping[str, float]
) -> dict:
    """One query: its text and kind, "relevant" and "first"."""
    collection = searched.collection
    query = collection.query_ids.index(query_id)
    ranks, baseline_ranks = ({id_: i for i, id_ in enumerate(run, start=1)} for run in (found, baseline_found))
    judged = {id_: score for id_, score in collection.qrels[query_id].items() if score > 0}
    relevant = min(judged, key=lambda id_: (ranks.get(id_, np.inf), -judged[id_], id_))
    first = next(iter(found), None)

    def document(document_id: str) -> dict:
        row = collection.document_ids.index(document_id)
        pieces = contributions(searched.queries_QV[query], searched.documents_NV[row], searched.tokenizer)
        return {"document_id": document_id, "text": _cut(collection.documents[row]), "pieces": pieces}

    return {
        "query_id": query_id,
        "query": collection.queries[query],
        "kind": collection.query_kinds[query] or "unknown",
        "relevant": document(relevant) | {"rank": ranks.get(relevant), "baseline_rank": baseline_ranks.get(relevant)},
        "first": None if first is None or first in judged else document(first),
    }


def _cut(text: str) -> str:
    return text if len(text) <= DOCUMENT_CHARACTERS else text[: DOCUMENT_CHARACTERS - 1] + "…"
