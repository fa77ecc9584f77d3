"""A server, a small random model exported as a folder, and a corpus."""

import json

import pytest
import torch
from opensearch_client.server import Server
from transformers import XLMRobertaConfig, XLMRobertaForMaskedLM

from kosplade.export.huggingface import write_folder
from kosplade.model import SparseEncoder
from kosplade.opensearch import connection

DOCUMENTS = [f"w{5 + i % 35} w{5 + i * 7 % 35} w{5 + i * 11 % 35}" for i in range(30)]


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(connection, "BACKOFF", 0.01)
    with Server() as running:
        yield running
        running.shutdown()


def write_export(folder, tokenizer, seed=0):
    """w7 and the special pieces masked; the IDF of piece i is i / 10."""
    torch.manual_seed(seed)
    config = XLMRobertaConfig(
        vocab_size=40,
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=40,
        initializer_range=0.5,
    )
    hidden_V = torch.zeros(40, dtype=torch.bool)
    hidden_V[[0, 1, 2, 3, 4, 7]] = True
    folder.mkdir()
    encoder = SparseEncoder(XLMRobertaForMaskedLM(config).eval())
    write_folder(encoder, tokenizer, hidden_V, torch.where(hidden_V, 0.0, torch.arange(40) / 10), folder)
    return folder


@pytest.fixture
def export(tmp_path, word_tokenizer):
    return write_export(tmp_path / "export", word_tokenizer)


@pytest.fixture
def corpus(tmp_path):
    """30 documents, every third with a title."""
    path = tmp_path / "corpus.jsonl"
    records = [{"_id": f"d{i}", "text": text} for i, text in enumerate(DOCUMENTS)]
    for record in records[::3]:
        record["title"] = "w9"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path
