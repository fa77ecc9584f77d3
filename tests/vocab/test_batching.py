"""Texts in batches of as many tokens."""

import numpy as np
import torch

from kosplade.vocab import batching
from kosplade.vocab.batching import padded_batches


def test_batches_hold_as_many_tokens_and_every_text_once(word_tokenizer, monkeypatch):
    monkeypatch.setitem(batching.BATCH_TOKENS, "cpu", 20)
    texts = ["w5 " * words for words in (1, 30, 2, 2, 8, 1, 3, 8)]
    shared = {"max_length": 12, "device": torch.device("cpu"), "label": ""}
    found = list(padded_batches(texts, word_tokenizer, **shared))
    assert all(batch["input_ids"].numel() <= 20 for _, batch in found)
    rows = np.concatenate([rows for rows, _ in found])
    assert sorted(rows.tolist()) == list(range(8))
    lengths = [batch["attention_mask"].sum(1).tolist() for _, batch in found]
    assert lengths == [[3, 3, 4, 4], [5, 10], [10], [12]]
    by_texts = list(padded_batches(texts, word_tokenizer, texts_at_once=3, **shared))
    assert [len(rows) for rows, _ in by_texts] == [3, 3, 2]
