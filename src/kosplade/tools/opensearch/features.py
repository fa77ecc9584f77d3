"""Sparse vectors as the entries of a `rank_features` field: names that a server cannot misread, weights that it keeps.

A piece is named by its id, `p123`. The piece itself would not do: a `rank_feature` query splits `field.feature` at the
last dot, so of a feature such as `▁3.5` OpenSearch keeps the weight and never finds it again (Elasticsearch refuses the
document). Ids are shorter than any escape, need none, and `_meta` of the index says whose ids they are.
"""

from collections.abc import Callable

import numpy as np
from scipy.sparse import csr_matrix

from kosplade.errors import UserError

_SMALLEST = np.finfo(np.float32).tiny  # Lucene refuses what lies below, the smallest normal float
# Of a float32. Lucene keeps the upper 17, sign, exponent and 8 of the fraction: 9 significant ones with the implied 1.
_DROPPED_BITS = 15
# It keeps them as a term frequency, and those of one document may add up to an int: about 66,000 weights of 1.
_MOST_KEPT = np.iinfo(np.int32).max


def feature_name(piece_id: int) -> str:
    """The name of a piece's feature."""
    return f"p{piece_id}"


def kept_weights(weights: np.ndarray) -> np.ndarray:
    """Non-negative float32 weights at the nearest values that Lucene's FeatureField holds exactly (float32).

    Lucene itself cuts; rounding first halves the error, to 0.2 % at most, and what is sent is then what is scored.
    """
    bits = weights.astype(np.float32).view(np.uint32) + (1 << (_DROPPED_BITS - 1))
    return (bits >> _DROPPED_BITS << _DROPPED_BITS).view(np.float32)


def to_features(vector_1V: csr_matrix, owner: str, name: Callable[[int], str] = feature_name) -> dict[str, float]:
    """What a document's field holds: {name of id: weight}; weights too small for a server are left out.

    UserError, naming `owner`, for a weight that is negative or not finite, and for more weights than a field holds.
    """
    weights = kept_weights(vector_1V.data)
    _check(weights, owner)
    kept = weights[weights >= _SMALLEST].view(np.uint32) >> _DROPPED_BITS
    if kept.sum(dtype=np.int64) > _MOST_KEPT:
        raise UserError(
            f"{owner}: the model gives {len(kept)} weights, more than a document's features hold. "
            "Choose another --model, one that is sparse."
        )
    return {
        name(id_): weight
        for id_, weight in zip(vector_1V.indices.tolist(), weights.tolist(), strict=True)
        if weight >= _SMALLEST
    }


def to_boosts(vector_1V: csr_matrix, name: Callable[[int], str] = feature_name) -> dict[str, float]:
    """What a query asks for: {name of id: weight}, weights above 0 as they are; UserError as `to_features`."""
    _check(vector_1V.data, "the query")
    pairs = zip(vector_1V.indices.tolist(), vector_1V.data.astype(np.float32).tolist(), strict=True)
    return {name(id_): weight for id_, weight in pairs if weight > 0}


def _check(weights: np.ndarray, owner: str) -> None:
    if not (np.isfinite(weights) & (weights >= 0)).all():
        raise UserError(f"{owner}: the model gives a weight that is negative or not finite. Choose another --model.")
