"""Real Lucene against the client and against `lucene`, the tests' own: weights kept, scores, rankings, limits."""

from contextlib import nullcontext

import numpy as np
import pytest
from scipy.sparse import csr_matrix, random_array, vstack
from tools.opensearch_client import lucene, real_lucene
from tools.opensearch_client.real_lucene import LuceneError

from kosplade.errors import UserError
from kosplade.retrieval.search import search, to_run
from kosplade.tools.opensearch.features import feature_name, kept_weights, to_features
from kosplade.tools.opensearch.mapping import FIELD, index_body
from kosplade.tools.opensearch.searching import request_body

pytestmark = [pytest.mark.full, pytest.mark.skipif(not real_lucene.is_here(), reason=real_lucene.NEEDS)]
FLOAT = 2.0**-23  # relative: each product and the sum are rounded to a float32
TINY, LARGEST = float(np.finfo(np.float32).tiny), float(np.finfo(np.float32).max)


@pytest.fixture(scope="module")
def call():
    with real_lucene.running() as function:
        yield function


def own(sources) -> lucene.Index:
    index = lucene.Index(index_body("m", 512))
    for document_id, features in sources:
        index.put(document_id, {FIELD: features})
    return index


def found(index: lucene.Index, body: dict) -> list[tuple[str, float]]:
    return [(hit["_id"], hit["_score"]) for hit in index.search(body)]


def vectors(rows: int, density: float, seed: int) -> csr_matrix:
    rng = np.random.default_rng(seed)
    return random_array((rows, 400), density=density, format="csr", rng=rng, data_sampler=rng.lognormal).astype("f4")


def test_scores_are_dot_products_and_our_own_lucene_gives_the_same_hits_to_the_last_bit(call):
    documents_NV = csr_matrix(vectors(600, 0.1, seed=1))
    documents_NV.data = kept_weights(documents_NV.data)
    documents_NV = csr_matrix(vstack([documents_NV, documents_NV[:60]]))  # ties, in another segment
    queries_QV = csr_matrix(vectors(40, 0.02, seed=2))
    sources = [(f"d{row}", to_features(documents_NV[row], "")) for row in range(documents_NV.shape[0])]
    index = own(sources)
    call(real_lucene.build, "texts", sources, 500)
    scores_QN = (queries_QV.astype(np.float64) @ documents_NV.astype(np.float64).T).toarray()
    best = to_run(list(range(40)), [id_ for id_, _ in sources], *search(queries_QV, documents_NV, 10))
    for row, scores_N in enumerate(scores_QN):
        every = call(real_lucene.search, "texts", request_body(queries_QV[row], len(sources), []))
        rows = [int(document_id.removeprefix("d")) for document_id, _ in every]
        assert sorted(rows) == np.flatnonzero(scores_N).tolist()
        np.testing.assert_allclose([score for _, score in every], scores_N[rows], rtol=8 * FLOAT)
        assert every == found(index, request_body(queries_QV[row], len(sources), []))
        # Lucene may skip documents that cannot be among the best.
        assert call(real_lucene.search, "texts", request_body(queries_QV[row], 10, [])) == every[:10]
        assert [document_id for document_id, _ in every[:10]] == list(best[row])


def test_a_feature_keeps_nine_significant_bits(call):
    weights = np.float32(10.0) ** np.random.default_rng(0).uniform(-37, 38, 500).astype(np.float32)
    weights = np.concatenate([weights, np.float32([TINY])])
    sent = kept_weights(weights)
    names = [feature_name(id_) for id_ in range(len(weights))]
    documents = [(id_, dict(zip(names, row.tolist(), strict=True))) for id_, row in (("cut", weights), ("sent", sent))]
    call(real_lucene.build, "bits", documents, 2)
    for id_, weight in enumerate(weights.tolist()):
        query_1V = csr_matrix((np.float32([1]), [id_], [0, 1]), shape=(1, len(weights)))
        held = dict(call(real_lucene.search, "bits", request_body(query_1V, 2, [])))
        exponent = np.frexp(np.float64(weight))[1] - 9
        assert held["cut"] == lucene.kept(weight) == np.ldexp(np.floor(np.ldexp(weight, -exponent)), exponent)
        assert held["sent"] == sent[id_]
        assert abs(held["sent"] / weight - 1) <= 2**-9


@pytest.mark.parametrize(
    ("weight", "is_taken", "done"),
    [
        (0.0, False, "dropped"),
        (TINY * 0.99, False, "dropped"),
        (TINY, True, "sent"),
        (1e30, True, "sent"),
        (LARGEST, True, "refused"),  # Lucene would cut it; the nearest of what it keeps is infinite
        (float("inf"), False, "refused"),
        (float("nan"), False, "refused"),
        (-1.0, False, "refused"),
    ],
)
def test_weights_that_lucene_refuses_are_never_sent(call, weight, is_taken, done):
    with nullcontext() if is_taken else pytest.raises(LuceneError, match="featureValue must be"):
        call(real_lucene.field, weight)
    with nullcontext() if is_taken else pytest.raises(lucene.Refused, match="featureValue must be"):
        own([("d", {"p1": weight})])
    vector_1V = csr_matrix((np.float32([weight, 1]), [1, 2], [0, 2]), shape=(1, 3))
    if done == "refused":
        with pytest.raises(UserError):
            to_features(vector_1V, "document 'd'")
    else:
        assert ("p1" in to_features(vector_1V, "document 'd'")) == (done == "sent")


def test_a_query_has_1024_clauses_at_most(call):
    query_1V = csr_matrix(np.linspace(0.5, 2, 1025, dtype=np.float32))
    sources = [("d", {feature_name(id_): 1.0 for id_ in range(1025)})]
    call(real_lucene.build, "clauses", sources, 1)
    most = request_body(query_1V[:, :1024], 1, [])
    assert call(real_lucene.search, "clauses", most) == found(own(sources), most)
    with pytest.raises(LuceneError, match="TooManyClauses: maxClauseCount is set to 1024"):
        call(real_lucene.search, "clauses", request_body(query_1V, 1, []))
    with pytest.raises(lucene.Refused, match="maxClauseCount is set to 1024"):
        own(sources).search(request_body(query_1V, 1, []))


def test_a_document_that_is_indexed_again_comes_last_among_equals(call):
    sources = [(document_id, {"p1": 1.0}) for document_id in ("a", "b", "c", "a")]
    body = request_body(csr_matrix(np.float32([[0, 2]])), 10, [])
    for per_segment in (1, 4):
        call(real_lucene.build, "again", sources, per_segment)
        assert call(real_lucene.search, "again", body) == found(own(sources), body)
    assert [document_id for document_id, _ in found(own(sources), body)] == ["b", "c", "a"]
