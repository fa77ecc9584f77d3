"""Inference-free queries by the IDF of the collection that they search: a table is counted anew, nothing is trained."""

from collections.abc import Sequence

import numpy as np

from kosplade.retrieval.served import ServedModel
from kosplade.vocab.frequencies import count_documents

TEXTS_AT_ONCE = 1024


def recounted_weights(model: ServedModel, documents: Sequence[str], label: str) -> np.ndarray:
    """float32 [V]: the BM25 IDF of every piece over `documents`, whole texts; 0 where the model serves none."""
    idf_V = count_documents(documents, model.tokenizer, TEXTS_AT_ONCE, label, len(documents)).idf()
    return np.where(model.unserved_V, np.float32(0), idf_V)
