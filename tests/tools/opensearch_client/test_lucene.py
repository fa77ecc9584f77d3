"""Real Lucene against the client and against `lucene`, the tests' own: weights kept, scores, rankings, limits."""

import json
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.sparse import csr_matrix, vstack
from tools.opensearch_client import lucene, real_lucene
from tools.opensearch_client.real_lucene import LuceneError

from kosplade.corpus.embedded import keep_passages
from kosplade.corpus.sources import manuals
from kosplade.errors import UserError
from kosplade.records.text import text_id
from kosplade.retrieval.encoding import inference_free
from kosplade.retrieval.metrics import retrieval_metrics
from kosplade.retrieval.search import search, to_run
from kosplade.tools.opensearch.features import feature_name, kept_weights, to_boosts, to_features
from kosplade.tools.opensearch.mapping import FIELD, index_body
from kosplade.tools.opensearch.searching import request_body
from kosplade.vocab.idf import count_documents
from kosplade.vocab.pieces import plain_pieces
from kosplade.wheels import fetch_wheel

QUERIES = Path(__file__).parents[3] / "data/queries"
TWICE = 60  # documents that are indexed again under another id, in another segment: ties
PASSAGES_ASKED = 10  # long queries
MISSING = real_lucene.missing()
FLOAT = 2.0**-23  # relative: each product and the sum are rounded to a float32

pytestmark = pytest.mark.skipif(bool(MISSING), reason=MISSING)


@pytest.fixture(scope="module")
def call():
    with real_lucene.running() as function:
        yield function


def saturated(pieces: list[list[int]], vocab_size: int) -> csr_matrix:
    """What BM25 without IDF makes of the counts (k1 1.2, b 0.75): [N, vocab_size] float32."""
    lengths = np.array([len(ids) for ids in pieces])
    indptr = np.concatenate([[0], np.cumsum(lengths)])
    ones = np.ones(indptr[-1])
    counts_NV = csr_matrix((ones, np.concatenate(pieces), indptr), shape=(len(pieces), vocab_size))
    counts_NV.sum_duplicates()
    damping = np.repeat(1.2 * (0.25 + 0.75 * lengths / lengths.mean()), np.diff(counts_NV.indptr))
    counts_NV.data /= counts_NV.data + damping
    return counts_NV.astype(np.float32)


@pytest.fixture(scope="module")
def texts(call, tokenizer):
    """Passages of the R&D manuals and the questions written on them, indexed by real Lucene and by our own.

    IDF in the queries and saturated counts in the documents make BM25: real weights, as many as in practice.
    """
    passages = [passage.text for passage in keep_passages(manuals.read(fetch_wheel("manuals")), 0, 220)]
    idf_V = count_documents(passages, tokenizer, 256).idf()
    documents_NV = saturated(plain_pieces(tokenizer, passages, 512), len(idf_V))
    documents_NV = vstack([documents_NV, documents_NV[:TWICE]]).tocsr()
    rounded_NV = documents_NV.copy()
    rounded_NV.data = kept_weights(documents_NV.data)

    numbers = {text_id(text): f"d{number}" for number, text in enumerate(passages)}
    records = [json.loads(line) for line in (QUERIES / "test.jsonl").read_text(encoding="utf-8").splitlines()]
    asked = [record for record in records if set(record["passages"]) <= numbers.keys()]
    assert len(asked) > 80  # written questions whose answers are among the passages
    qrels = {f"q{row}": {numbers[id_]: 1 for id_ in record["passages"]} for row, record in enumerate(asked)}
    queries = [record["query"] for record in asked] + passages[:: len(passages) // PASSAGES_ASKED]
    queries_QV = inference_free(plain_pieces(tokenizer, queries, 512), idf_V)

    sources = [(f"d{row}", to_features(rounded_NV[row], "")) for row in range(documents_NV.shape[0])]
    index = lucene.Index(index_body("m", 512))
    for document_id, features in sources:
        index.put(document_id, {FIELD: features})
    assert call(real_lucene.build, "texts", sources, 1000) == 2  # segments
    every = [call(real_lucene.search, "texts", request_body(query_1V, len(sources), []))[0] for query_1V in queries_QV]
    return SimpleNamespace(
        documents_NV=documents_NV,
        rounded_NV=rounded_NV,
        queries_QV=queries_QV,
        ids=[document_id for document_id, _ in sources],
        every=every,
        qrels=qrels,
        index=index,
    )


def rows(hits: list[tuple[str, float]]) -> list[int]:
    return [int(document_id.removeprefix("d")) for document_id, _ in hits]


def scores(hits: list[tuple[str, float]]) -> np.ndarray:
    return np.array([score for _, score in hits])


def exact(queries_QV: csr_matrix, documents_NV: csr_matrix) -> np.ndarray:
    """Dot products in float64, [Q, N]."""
    return (queries_QV.astype(np.float64) @ documents_NV.astype(np.float64).T).toarray()


def test_every_score_is_the_dot_product_with_the_weights_that_were_sent(texts):
    scores_QN = exact(texts.queries_QV, texts.rounded_NV)
    assert sum(map(len, texts.every)) > 50_000
    for hits, scores_N in zip(texts.every, scores_QN, strict=True):
        assert sorted(rows(hits)) == np.flatnonzero(scores_N).tolist()
        np.testing.assert_allclose(scores(hits), scores_N[rows(hits)], rtol=FLOAT)


def test_our_own_lucene_gives_the_same_hits_to_the_last_bit(texts):
    for row in [*range(0, len(texts.every), 10), *range(len(texts.qrels), len(texts.every))]:
        found = texts.index.search(request_body(texts.queries_QV[row], len(texts.ids), []))
        assert [(hit["_id"], hit["_score"]) for hit in found] == texts.every[row]


def test_the_best_ten_are_those_of_exact_search_although_lucene_skips_documents(call, texts):
    expected = to_run(
        [str(row) for row in range(len(texts.every))], texts.ids, *search(texts.queries_QV, texts.rounded_NV, 10)
    )
    ties = looked_at = 0
    for query_1V, every, best in zip(texts.queries_QV, texts.every, expected.values(), strict=True):
        hits, seen = call(real_lucene.search, "texts", request_body(query_1V, 10, []))
        assert [document_id for document_id, _ in hits] == list(best)
        assert hits == every[:10]
        ties += len(hits) - len(set(scores(hits)))
        looked_at += seen
    assert ties > 20
    assert looked_at < sum(map(len, texts.every))  # few: only pieces that 128 documents of a segment hold are bounded


def test_rounding_costs_a_score_one_part_in_512_at_most_and_no_quality(texts):
    scores_QN = exact(texts.queries_QV, texts.documents_NV)
    most = 2.0**-9 + FLOAT
    for hits, scores_N in zip(texts.every, scores_QN, strict=True):
        unrounded = scores_N[rows(hits)]
        np.testing.assert_allclose(scores(hits), unrounded, rtol=most)
        best_after = np.maximum.accumulate(unrounded[::-1])[::-1]  # what comes later was not clearly better
        assert (best_after <= unrounded * (1 + most) / (1 - most)).all()
    names = [*texts.qrels, *(f"p{row}" for row in range(len(texts.every) - len(texts.qrels)))]
    before = to_run(names, texts.ids, *search(texts.queries_QV, texts.documents_NV, 100))
    after = {name: dict(hits[:100]) for name, hits in zip(names, texts.every, strict=True)}
    qualities = [retrieval_metrics(texts.qrels, run)["ndcg10"] for run in (before, after)]
    assert min(qualities) > 0.5
    assert abs(qualities[0] - qualities[1]) < 0.002


def test_a_feature_keeps_nine_significant_bits(call):
    weights = np.float32(10.0) ** np.random.default_rng(0).uniform(-37, 38, 2000).astype(np.float32)
    bounds = np.float32([np.finfo(np.float32).tiny, np.finfo(np.float32).max])
    weights = np.concatenate([weights, bounds])
    names = [feature_name(id_) for id_ in range(len(weights))]
    documents = [("cut", dict(zip(names, weights.tolist(), strict=True)))]
    documents += [("rounded", dict(zip(names, kept_weights(weights[:-1]).tolist(), strict=False)))]
    assert call(real_lucene.build, "bits", documents, 2) == 1
    for id_, weight in enumerate(weights.tolist()):
        query_1V = csr_matrix((np.float32([1]), [id_], [0, 1]), shape=(1, len(weights)))
        held = dict(call(real_lucene.search, "bits", request_body(query_1V, 2, []))[0])
        exponent = np.frexp(np.float64(weight))[1] - 9
        assert held["cut"] == lucene.kept(weight) == np.ldexp(np.floor(np.ldexp(weight, -exponent)), exponent)
        if "rounded" in held:  # all but the largest, which would round to infinity
            assert held["rounded"] == documents[1][1][feature_name(id_)]
            assert abs(held["rounded"] / weight - 1) <= 2**-9


TINY, LARGEST = np.finfo(np.float32).tiny, np.finfo(np.float32).max


@pytest.mark.parametrize(
    ("weight", "is_taken", "done"),
    [
        (0.0, False, "dropped"),
        (1e-45, False, "dropped"),
        (float(np.nextafter(TINY, np.float32(0))) * 0.99, False, "dropped"),
        (float(TINY), True, "sent"),
        (1e30, True, "sent"),
        (float(LARGEST), True, "refused"),  # Lucene would cut it; the nearest of what it keeps is infinite
        (1e39, False, "refused"),
        (float("inf"), False, "refused"),
        (float("nan"), False, "refused"),
        (-1.0, False, "refused"),
    ],
)
def test_weights_that_lucene_refuses_are_never_sent(call, weight, is_taken, done):
    with nullcontext() if is_taken else pytest.raises(LuceneError, match="featureValue must be"):
        call(real_lucene.field, weight)
    with nullcontext() if is_taken else pytest.raises(lucene.Refused, match="featureValue must be"):
        lucene.Index(index_body("m", 512)).put("d", {FIELD: {"p1": weight}})
    with np.errstate(over="ignore"):
        vector_1V = csr_matrix((np.float32([weight, 1]), [1, 2], [0, 2]), shape=(1, 3))
    if done == "refused":
        with pytest.raises(UserError):
            to_features(vector_1V, "document 'd'")
    else:
        assert ("p1" in to_features(vector_1V, "document 'd'")) == (done == "sent")


@pytest.mark.parametrize("weight", [1e-45, 0.5, 65.0, float(LARGEST), 0.0, float("nan"), float("inf"), -1.0])
def test_boosts_that_lucene_refuses_are_never_sent(call, weight):
    vector_1V = csr_matrix((np.float32([weight]), [1], [0, 1]), shape=(1, 3))
    if 0 < weight < np.inf:
        assert to_boosts(vector_1V) == {"p1": np.float32(weight)}
        call(real_lucene.boost, weight)
        return
    if weight == 0:  # Lucene takes it, for a clause that adds nothing
        assert to_boosts(vector_1V) == {}
        return
    with pytest.raises(LuceneError, match="boost must be a positive float"):
        call(real_lucene.boost, weight)
    with pytest.raises(UserError):
        to_boosts(vector_1V)


def test_a_query_has_1024_clauses_at_most(call):
    weights = np.linspace(0.5, 2, 1025, dtype=np.float32)
    query_1V = csr_matrix(weights)
    features = {feature_name(id_): 1.0 for id_ in range(1025)}
    index = lucene.Index(index_body("m", 512))
    index.put("d", {FIELD: features})
    call(real_lucene.build, "clauses", [("d", features)], 1)
    most = request_body(query_1V[:, :1024], 1, [])
    ((_, score),), _ = call(real_lucene.search, "clauses", most)
    assert score == index.search(most)[0]["_score"] == pytest.approx(weights[:1024].sum(dtype=np.float64), rel=FLOAT)
    with pytest.raises(LuceneError, match="TooManyClauses: maxClauseCount is set to 1024"):
        call(real_lucene.search, "clauses", request_body(query_1V, 1, []))
    with pytest.raises(lucene.Refused, match="maxClauseCount is set to 1024"):
        index.search(request_body(query_1V, 1, []))  # test_errors has what becomes of it


def test_a_document_has_about_66_000_weights_at_most(call):
    most = (2**31 - 1) // lucene.frequency(1.0)
    assert most == 66_052
    for number in (most, most + 1):
        vector_1V = csr_matrix(np.ones((1, number), dtype=np.float32))
        features = {feature_name(id_): 1.0 for id_ in range(number)}
        index = lucene.Index(index_body("m", 512))
        if number == most:
            assert to_features(vector_1V, "document 'd'") == features
            index.put("d", {FIELD: features})
            call(real_lucene.build, "most", [("d", features)], 1)
            continue
        with pytest.raises(UserError, match="document 'd': the model gives 66053 weights, more than"):
            to_features(vector_1V, "document 'd'")
        with pytest.raises(lucene.Refused, match="too many tokens for field"):
            index.put("d", {FIELD: features})
        with pytest.raises(LuceneError, match="too many tokens for field"):
            call(real_lucene.build, "more", [("d", features)], 1)


def test_the_names_of_all_pieces_stay_distinct(call, tokenizer):
    weights = kept_weights(1 + np.arange(len(tokenizer), dtype=np.float32) % 1000)
    sent = {feature_name(id_): weight for id_, weight in enumerate(weights.tolist())}
    assert len(sent) == len(tokenizer)
    pairs, step = list(sent.items()), 50_000  # all of them do not fit into one document
    documents = [(f"d{start}", dict(pairs[start : start + step])) for start in range(0, len(pairs), step)]
    call(real_lucene.build, "names", documents, len(documents))
    assert call(real_lucene.stored, "names") == {name: lucene.frequency(weight) for name, weight in sent.items()}


def test_a_document_that_is_indexed_again_comes_last_among_equals(call):
    sources = [(document_id, {"p1": 1.0}) for document_id in ("a", "b", "c", "a")]
    body = request_body(csr_matrix(np.float32([[0, 2]])), 10, [])
    index = lucene.Index(index_body("m", 512))
    for document_id, features in sources:
        index.put(document_id, {FIELD: features})
    assert [hit["_id"] for hit in index.search(body)] == ["b", "c", "a"]
    for per_segment in (1, 4):
        call(real_lucene.build, "again", sources, per_segment)
        assert [document_id for document_id, _ in call(real_lucene.search, "again", body)[0]] == ["b", "c", "a"]
