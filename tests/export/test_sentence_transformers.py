"""The exported folder in the real sentence-transformers: the same vectors and figures as ours, without the network."""

import json
import shutil
import socket
from dataclasses import replace

import numpy as np
import pytest
import torch
from card_sample import sample_card
from sentence_transformers import SparseEncoder as LoadedEncoder
from sentence_transformers.sparse_encoder.evaluation import SparseInformationRetrievalEvaluator
from tiny_export import HIDDEN, WEIGHT_V, write_tiny_export

from kosplade.errors import UserError
from kosplade.export import huggingface
from kosplade.export.sentence_transformers import (
    DOCUMENT,
    INFERENCE_FREE,
    QUERY,
    write_sentence_transformers,
)
from kosplade.model import Counting
from kosplade.retrieval.encoding import without
from kosplade.retrieval.metrics import retrieval_metrics
from kosplade.retrieval.search import search, to_run
from kosplade.retrieval.served import load_export
from kosplade.tools.opensearch.features import to_boosts

LENGTHS = {"max_query_length": 5, "max_document_length": 8}
# Longer than a query, longer than both, a piece twice, unknown pieces, special ones spelt out.
TEXTS = ["w5 w6 w7 w8 w9", "w9", "w10 w5 w5", "w11 w12 w13 w14 w15 w16 w17 w18", "none w20", "<s> w21 <pad> </s>"]


@pytest.fixture(params=["200MB", "2KB"], ids=["one file", "shards"])
def export(request, tmp_path, word_tokenizer, monkeypatch):
    """A small random model without w7, written in one place and moved to another."""
    monkeypatch.setattr(huggingface, "SHARD", request.param)
    written = tmp_path / "written"
    write_tiny_export(written, word_tokenizer)
    write_sentence_transformers(written, WEIGHT_V, word_tokenizer, **LENGTHS)
    return written.rename(tmp_path / "moved")


@pytest.fixture
def no_network(monkeypatch):
    tried = []

    def refuse(*args, **_):
        tried.append(args)
        raise OSError("no network in this test")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    yield
    assert tried == []  # a library may try, fail and go on


def load(folder) -> LoadedEncoder:
    return LoadedEncoder(str(folder), device="cpu", trust_remote_code=False)


def served(folder):
    """Ours without what occurrences change: the library's modules know nothing of that."""
    return replace(load_export(folder, **LENGTHS), counting=Counting())


@pytest.mark.parametrize(("place", "way"), [("", "encoded"), (INFERENCE_FREE, "inference_free")])
@pytest.mark.usefixtures("no_network")
def test_vectors_are_ours(export, place, way):
    theirs, ours = load(export / place), served(export)
    assert theirs.max_seq_length == LENGTHS["max_document_length"]
    queries_QV = theirs.encode_query(TEXTS).to_dense().numpy()
    documents_NV = theirs.encode_document(TEXTS).to_dense().numpy()
    np.testing.assert_allclose(queries_QV, ours.queries(TEXTS, "test")[way].toarray(), atol=1e-4)
    expected_NV = without(ours.raw(TEXTS, "document", "test"), ours.unserved_V)
    np.testing.assert_allclose(documents_NV, expected_NV.toarray(), atol=1e-4)
    assert not queries_QV[:, HIDDEN].any()
    assert not documents_NV[:, HIDDEN].any()
    np.testing.assert_allclose(documents_NV, huggingface.plain_vectors(export, TEXTS, 8).numpy(), atol=1e-4)
    # A text without a task is a document.
    np.testing.assert_allclose(theirs.encode(TEXTS).to_dense().numpy(), documents_NV, atol=1e-6)


@pytest.mark.parametrize(("place", "way"), [("", "encoded"), (INFERENCE_FREE, "inference_free")])
def test_their_evaluator_gives_our_figure(export, place, way):
    random = np.random.default_rng(0)
    documents, queries = (
        {f"{name}{i}": " ".join(f"w{piece}" for piece in random.integers(5, 40, length)) for i in range(count)}
        for name, count, length in (("d", 40, 10), ("q", 15, 4))
    )
    relevant = {query: {f"d{i}" for i in random.choice(40, 3, replace=False)} for query in queries}
    evaluator = SparseInformationRetrievalEvaluator(
        queries, documents, relevant, ndcg_at_k=[10], accuracy_at_k=[1], mrr_at_k=[10], map_at_k=[10], write_csv=False
    )
    theirs = evaluator(load(export / place))["dot_ndcg@10"]

    model = served(export)
    query_vectors = model.queries(list(queries.values()), "test")[way]
    document_vectors = without(model.raw(list(documents.values()), "document", "test"), model.unserved_V)
    ids, scores = search(query_vectors, document_vectors, 40)
    assert (scores > 0).all()  # theirs ranks documents of score 0 too, ours does not
    run = to_run(list(queries), list(documents), ids, scores)
    ours = retrieval_metrics({query: dict.fromkeys(found, 1) for query, found in relevant.items()}, run)["ndcg10"]
    assert 0.05 < ours < 0.95
    assert theirs == pytest.approx(ours, abs=1e-4)


def test_weights_are_there_once(export):
    below = [path.relative_to(export / INFERENCE_FREE) for path in (export / INFERENCE_FREE).rglob("*.safetensors")]
    assert [path.as_posix() for path in below] == [f"{QUERY}/model.safetensors"]
    assert not any(path.is_symlink() for path in export.rglob("*"))


@pytest.mark.parametrize("place", ["", INFERENCE_FREE])
def test_the_library_itself_writes_the_same(export, place, tmp_path):
    saved = tmp_path / "saved"
    load(export / place).save(str(saved), create_model_card=False)
    for name in ("modules.json", "router_config.json", "1_SpladePooling/config.json", f"{QUERY}/config.json"):
        assert (saved / name).exists() == (export / place / name).exists()
        if (saved / name).exists():
            assert json.loads((saved / name).read_text()) == json.loads((export / place / name).read_text())
    # What is saved has weights of its own.
    np.testing.assert_allclose(
        load(saved).encode_query(TEXTS).to_dense().numpy(),
        load(export / place).encode_query(TEXTS).to_dense().numpy(),
        atol=1e-6,
    )


def test_the_cards_code_runs(export, capsys):
    blocks = [block.split("```")[0] for block in sample_card(query=5, document=8).split("```python\n")[1:]]
    scopes = [{"folder": str(export)} for _ in blocks]
    text = "w10 w5 w7 w5 w6"  # w7 is hidden, w6 is cut
    for block, scope in zip(blocks, scopes, strict=True):
        exec(block.replace("카드 결제 취소", text), scope)
    assert capsys.readouterr().out.count("tensor([[") == 2
    assert scopes[1]["weights"].shape == (40,)
    # The query for OpenSearch is that of our client.
    assert scopes[2]["tokens"] == {"p5": 0.5, "p10": 1.0}
    assert scopes[2]["tokens"] == pytest.approx(to_boosts(served(export).queries([text], "test")["inference_free"]))


def test_a_folder_without_weights(export, word_tokenizer):
    for path in export.glob("model*"):
        path.unlink()
    shutil.rmtree(export / INFERENCE_FREE / DOCUMENT)
    with pytest.raises(UserError, match=r"no weights to name. Run: make convert-v25-hf"):
        write_sentence_transformers(export, torch.zeros(40), word_tokenizer, **LENGTHS)


def test_a_query_that_special_pieces_fill(tmp_path, word_tokenizer):
    with pytest.raises(UserError, match=r"model.max_query_length: 2 leaves no room for a piece"):
        write_sentence_transformers(
            tmp_path, torch.zeros(40), word_tokenizer, max_query_length=2, max_document_length=8
        )
