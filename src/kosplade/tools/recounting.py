"""Inference-free queries by the IDF of the collection that they search: a table is counted anew, nothing is trained."""

from collections.abc import Sequence

import numpy as np

from kosplade.retrieval.served import ServedModel
from kosplade.vocab.frequencies import DocumentFrequencies, count_documents

TEXTS_AT_ONCE = 1024


def recounted_weights(model: ServedModel, documents: Sequence[str], label: str) -> np.ndarray:
    """float32 [V]: the BM25 IDF of every piece over `documents`, whole texts; 0 where the model serves none."""
    return weights_of(model, count_documents(documents, model.tokenizer, TEXTS_AT_ONCE, label, len(documents)))


def weights_of(model: ServedModel, counted: DocumentFrequencies) -> np.ndarray:
    """The same of documents that were counted."""
    return np.where(model.unserved_V, np.float32(0), counted.idf())
