"""What a real OpenSearch keeps of a document and makes of a query: weights, scores, rankings, limits."""

from contextlib import nullcontext

import numpy as np
import pytest
from opensearchpy import RequestError, TransportError
from opensearchpy.helpers import bulk
from scipy.sparse import csr_matrix, random_array, vstack
from tools.opensearch_client.conftest import INDEX

from kosplade.errors import UserError
from kosplade.retrieval.search import search, to_run
from kosplade.tools.opensearch.features import feature_name, kept_weights, to_features
from kosplade.tools.opensearch.mapping import FIELD, index_body
from kosplade.tools.opensearch.searching import request_body, sparse_query

pytestmark = pytest.mark.full
FLOAT = 2.0**-23  # relative: each product and the sum are rounded to a float32
TINY, LARGEST = float(np.finfo(np.float32).tiny), float(np.finfo(np.float32).max)


@pytest.fixture
def hold(client):
    """Puts {document id: features} into a new index."""
    client.indices.create(index=INDEX, body=index_body("m", 512))

    def put(sources):
        actions = ({"_index": INDEX, "_id": id_, "_source": {FIELD: features}} for id_, features in sources)
        bulk(client, actions, chunk_size=500)
        client.indices.refresh(index=INDEX)

    return put


@pytest.fixture
def found(client):
    """The hits of a query's vector, best first: (document id, score)."""

    def ask(query_1V, size):
        hits = client.search(index=INDEX, body=request_body(sparse_query(query_1V), size, []))["hits"]["hits"]
        # A server writes as many digits as tell one float32 from the next.
        return [(hit["_id"], float(np.float32(hit["_score"]))) for hit in hits]

    return ask


def vectors(rows: int, density: float, seed: int) -> csr_matrix:
    rng = np.random.default_rng(seed)
    return random_array((rows, 400), density=density, format="csr", rng=rng, data_sampler=rng.lognormal).astype("f4")


def test_scores_are_dot_products_of_the_kept_weights(hold, found):
    documents_NV = csr_matrix(vectors(600, 0.1, seed=1))
    documents_NV.data = kept_weights(documents_NV.data)
    documents_NV = csr_matrix(vstack([documents_NV, documents_NV[:60]]))  # ties, in another segment
    queries_QV = csr_matrix(vectors(40, 0.02, seed=2))
    ids = [f"d{row}" for row in range(documents_NV.shape[0])]
    hold((id_, to_features(documents_NV[row], "")) for row, id_ in enumerate(ids))
    scores_QN = (queries_QV.astype(np.float64) @ documents_NV.astype(np.float64).T).toarray()
    best = to_run(list(range(40)), ids, *search(queries_QV, documents_NV, 10))
    for row, scores_N in enumerate(scores_QN):
        every = found(queries_QV[row], len(ids))
        rows = [int(document_id.removeprefix("d")) for document_id, _ in every]
        assert sorted(rows) == np.flatnonzero(scores_N).tolist()
        np.testing.assert_allclose([score for _, score in every], scores_N[rows], rtol=8 * FLOAT)
        # Lucene may skip documents that cannot be among the best.
        assert found(queries_QV[row], 10) == every[:10]
        assert [document_id for document_id, _ in every[:10]] == list(best[row])


def test_a_feature_keeps_nine_significant_bits(hold, found):
    weights = np.float32(10.0) ** np.random.default_rng(0).uniform(-37, 38, 500).astype(np.float32)
    weights = np.concatenate([weights, np.float32([TINY])])
    sent = kept_weights(weights)
    # Apart, since those of one document must add up to an int.
    hold(
        (f"{kind}{id_}", {feature_name(id_): float(row[id_])})
        for kind, row in (("cut", weights), ("sent", sent))
        for id_ in range(501)
    )
    for id_, weight in enumerate(weights.tolist()):
        held = dict(found(csr_matrix((np.float32([1]), [id_], [0, 1]), shape=(1, 501)), 2))
        exponent = np.frexp(np.float64(weight))[1] - 9
        assert held[f"cut{id_}"] == np.ldexp(np.floor(np.ldexp(weight, -exponent)), exponent)
        assert held[f"sent{id_}"] == sent[id_]
        assert abs(held[f"sent{id_}"] / weight - 1) <= 2**-9


@pytest.mark.parametrize(
    ("weight", "is_taken", "done"),
    [
        (0.0, False, "dropped"),
        (TINY * 0.99, False, "dropped"),
        (TINY, True, "sent"),
        (1e30, True, "sent"),
        (LARGEST, True, "refused"),  # Lucene would cut it; the nearest of what it keeps is infinite
        (-1.0, False, "refused"),
    ],
)
def test_weights_that_a_server_refuses_are_never_sent(hold, client, weight, is_taken, done):
    with nullcontext() if is_taken else pytest.raises(RequestError) as caught:
        client.index(index=INDEX, body={FIELD: {"p1": weight}})
    assert is_taken or "featureValue must be" in str(caught.value.info)
    vector_1V = csr_matrix((np.float32([weight, 1]), [1, 2], [0, 2]), shape=(1, 3))
    if done == "refused":
        with pytest.raises(UserError):
            to_features(vector_1V, "document 'd'")
    else:
        assert ("p1" in to_features(vector_1V, "document 'd'")) == (done == "sent")


def test_a_name_with_a_dot_is_kept_and_never_found(hold, client):
    """Why features are named by ids."""
    hold([("d", {"3.5": 1.0, "p35": 1.0})])
    for name, hits in (("3.5", 0), ("p35", 1)):
        query = {"rank_feature": {"field": f"{FIELD}.{name}", "linear": {}}}
        assert client.search(index=INDEX, body={"query": query})["hits"]["total"]["value"] == hits


def test_a_query_has_1024_clauses_at_most(hold, found):
    query_1V = csr_matrix(np.linspace(0.5, 2, 1025, dtype=np.float32))
    hold([("d", {feature_name(id_): 1.0 for id_ in range(1025)})])
    [(_, score)] = found(query_1V[:, :1024], 1)
    assert score == pytest.approx(query_1V[:, :1024].sum(), rel=1e-6)
    with pytest.raises(TransportError, match="maxClauseCount is set to 1024"):
        found(query_1V, 1)


def test_neural_sparse_takes_the_same_weights(hold, found, client):
    if "opensearch-neural-search" not in client.cat.plugins():
        pytest.skip("the plugin neural-search is missing")
    documents_NV = csr_matrix(vectors(50, 0.1, seed=3))
    hold((f"d{row}", to_features(documents_NV[row], "")) for row in range(50))
    query_1V = csr_matrix(vectors(1, 0.05, seed=4))
    tokens = {feature_name(id_): weight for id_, weight in zip(query_1V.indices, query_1V.data.tolist(), strict=True)}
    body = {"query": {"neural_sparse": {FIELD: {"query_tokens": tokens}}}, "size": 50}
    hits = client.search(index=INDEX, body=body)["hits"]["hits"]
    assert dict(found(query_1V, 50)) == pytest.approx({hit["_id"]: hit["_score"] for hit in hits}, rel=8 * FLOAT)
