"""Approximate search: a `sparse_vector` field of ranks in place of `rank_features`, searched by Seismic."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from opensearchpy import RequestError
from scipy.sparse import csr_matrix
from tqdm import tqdm

from kosplade.errors import UserError
from kosplade.export.seismic import MOST, Ranks, method_parameters
from kosplade.records.document import Document
from kosplade.retrieval.served import ServedModel
from kosplade.tools.opensearch.features import to_boosts, to_features
from kosplade.tools.opensearch.texts import batches

MOST_LOST = 0.01  # of the weight of documents' own pieces
_AT_ONCE = 256


def check_ranks(
    model: ServedModel, ranks: Ranks, folder: Path, documents: Iterator[Document], count: int, place: str
) -> float:
    """The share of the IDF of the documents' own pieces that stands at pieces without a rank.

    UserError where it is more than MOST_LOST: such an index would not know words of its documents. `folder` is the
    model's; `count` documents come from `place`.
    """
    total = lost = 0.0
    weight_V = np.where(ranks.rank_V < 0, model.query_weight_V, 0)
    with tqdm(total=count, desc="look for pieces without a rank", unit="document", mininterval=1) as bar:
        for batch in batches(documents, _AT_ONCE):
            for ids in model.pieces([document.whole for document in batch], "document"):
                own = np.unique(ids)
                total += model.query_weight_V[own].sum()
                lost += weight_V[own].sum()
            bar.update(len(batch))
    share = lost / max(total, 1e-9)
    if share > MOST_LOST:
        is_full = model.query_weight_V[ranks.piece_R[-1]] < model.query_weight_V.max()  # with pieces that were counted
        kind = "pruned" if is_full else "recounted"
        raise UserError(
            f"{place}: {share:.1%} of its words, by weight, are pieces beyond the {MOST:,} that --approximate can "
            f"hold. Make a model for these texts: python -m kosplade.tools.variants {folder} OUTPUT --kind {kind} "
            f"--texts {place}"
        )
    return share


@contextmanager
def sparse_vector_errors() -> Iterator[None]:
    """UserError where the server refuses to create an index because it has no `sparse_vector` fields."""
    try:
        yield
    except RequestError as error:
        if "unknown setting [index.sparse]" not in str(error.info):
            raise
        raise UserError(
            "--approximate: the server has no sparse_vector fields. Install OpenSearch 3.3 or later with the plugin "
            "neural-search, or leave --approximate out."
        ) from None


def to_ranked_features(vector_1V: csr_matrix, owner: str, ranks: Ranks) -> dict[str, float]:
    """As `to_features`, by rank."""
    return to_features(ranks.to_ranks(vector_1V), owner, name=str)


def approximate_query(query_1V: csr_matrix, field: str, ranks: Ranks, **method: float) -> dict[str, Any]:
    """The query, which finds nothing where no piece of it has a rank. `method` as in `method_parameters`."""
    tokens = to_boosts(ranks.to_ranks(query_1V), name=str)
    if not tokens:
        return {"match_none": {}}
    return {"neural_sparse": {field: {"query_tokens": tokens} | method_parameters(**method)}}
