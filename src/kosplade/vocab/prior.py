"""How often pieces occur in Korean at large, as the tokenizer's own model knows it: a prior for a small corpus.

A few thousand documents tell a common word of another field from a rare one no better than chance: neither occurs. The
tokenizer was estimated on web text and does tell them apart.
"""

import json

import numpy as np
from transformers import PreTrainedTokenizerBase

from kosplade.errors import UserError
from kosplade.vocab.frequencies import DocumentFrequencies


def pseudo_documents(
    probability_V: np.ndarray, hangul_V: np.ndarray, seen: DocumentFrequencies, share: float
) -> DocumentFrequencies:
    """`share` times as many documents as `seen` has, of Korean at large: expected counts (float64), to be added.

    A Unigram tokenizer (Kudo 2018) holds a probability for each piece (`probability_V`). Those of the Hangul pieces
    (`hangul_V`, bool), scaled to the part that Hangul has in `seen`, give a document as long as those of `seen`
    (L distinct pieces) a piece of probability p with 1 - exp(-L p), as if pieces were drawn independently. Other pieces
    get nothing: their probabilities are those of other languages.
    """
    probability_V = np.where(hangul_V, probability_V, 0.0)
    pieces = seen.counts_V.sum()  # a document's pieces, over all documents
    documents = round(share * seen.documents)
    if not documents or not pieces or not probability_V.any():
        return DocumentFrequencies(np.zeros(len(probability_V)), documents)
    probability_V *= seen.counts_V[hangul_V].sum() / pieces / probability_V.sum()
    return DocumentFrequencies(documents * -np.expm1(-pieces / seen.documents * probability_V), documents)


def unigram_probabilities(tokenizer: PreTrainedTokenizerBase) -> np.ndarray:
    """float64 [V]: what the tokenizer's Unigram model gives each piece, 0 for pieces that were added to it.

    Raises UserError for a tokenizer of another kind.
    """
    model = json.loads(tokenizer.backend_tokenizer.to_str())["model"]
    if model["type"] != "Unigram":
        raise UserError(
            f"loss.idf_prior needs a Unigram tokenizer, which knows how often pieces occur; this is {model['type']}. "
            "Set loss.idf_prior=0."
        )
    probability_V = np.zeros(len(tokenizer))
    scores = np.array([score for _, score in model["vocab"]])[: len(probability_V)]
    probability_V[: len(scores)] = np.exp(scores)
    return probability_V
