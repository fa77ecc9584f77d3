"""Names and weights of features, over the whole vocabulary and the whole range of floats."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from kosplade.errors import UserError
from kosplade.tools.opensearch.features import (
    kept_weights,
    to_boosts,
    to_features,
)


def kept(weight: float) -> float:
    """What a server counts (`test_scores` asks one): Lucene stores `floatToIntBits >> 15` as a term frequency."""
    return float((np.float32(weight).view(np.uint32) >> 15 << 15).view(np.float32))


def test_lucene_keeps_what_is_sent_and_the_nearest_of_what_it_can():
    weights = np.float32(10.0) ** np.random.default_rng(0).uniform(-30, 30, 2000).astype(np.float32)
    sent = kept_weights(weights)
    assert sent.dtype == np.float32
    assert [kept(weight) for weight in sent.tolist()] == sent.tolist()
    errors = np.abs(sent / weights.astype(np.float64) - 1)
    assert errors.max() <= 2**-9
    cut = np.float64([kept(weight) for weight in weights.tolist()])
    assert np.mean(np.abs(cut / weights - 1)) > 1.8 * np.mean(errors)  # what cutting would cost


def test_weights_too_small_for_a_server_are_left_out():
    data = np.float32([1e-45, 1.1e-38, 1.1754944e-38, 1e-30, 0.5])
    vector = csr_matrix((data, [3, 5, 7, 9, 11], [0, 5]), shape=(1, 20))
    features = to_features(vector, "document 'd'")
    assert list(features) == ["p7", "p9", "p11"]
    assert all(kept(weight) >= 1.17549435e-38 for weight in features.values())


@pytest.mark.parametrize("bad", [np.nan, np.inf, -1, np.finfo(np.float32).max])
def test_weights_that_no_field_holds(bad):
    vector = csr_matrix((np.float32([1, bad]), [3, 5], [0, 2]), shape=(1, 20))
    with pytest.raises(UserError, match="document 'd': the model gives a weight that is negative or not finite"):
        to_features(vector, "document 'd'")


def test_a_document_has_about_66_000_weights_of_1_at_most():
    most = np.ones((1, 66_052), dtype=np.float32)  # Lucene counts each 32,512, and a field at most 2^31 - 1
    assert len(to_features(csr_matrix(most), "document 'd'")) == 66_052
    with pytest.raises(UserError, match="document 'd': the model gives 66053 weights, more than"):
        to_features(csr_matrix(np.ones((1, 66_053), dtype=np.float32)), "document 'd'")


def test_boosts_are_the_weights_of_the_query():
    vector = csr_matrix((np.float32([0.1, 0, 2]), [3, 5, 7], [0, 3]), shape=(1, 20))
    assert to_boosts(vector) == {"p3": float(np.float32(0.1)), "p7": 2.0}
