"""Pseudo-documents of the tokenizer's own frequencies, and what they do to the IDF of a small corpus."""

import numpy as np
import pytest
from tokenizers import Tokenizer, pre_tokenizers
from tokenizers.models import Unigram, WordLevel
from transformers import PreTrainedTokenizerFast

from kosplade.errors import UserError
from kosplade.vocab.frequencies import DocumentFrequencies
from kosplade.vocab.pieces import hangul_mask
from kosplade.vocab.prior import pseudo_documents, unigram_probabilities

# Probabilities .4, .2, .1 of Hangul pieces, .2 of a Latin one; the unknown piece has no Hangul.
PIECES = [("<unk>", 0.0), ("가", np.log(0.4)), ("나", np.log(0.2)), ("다", np.log(0.1)), ("the", np.log(0.2))]


def of(model) -> PreTrainedTokenizerFast:
    backend = Tokenizer(model)
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="<unk>")


def pseudo(seen: DocumentFrequencies, share: float) -> DocumentFrequencies:
    letters = of(Unigram(PIECES, unk_id=0))
    return pseudo_documents(unigram_probabilities(letters), hangul_mask(letters), seen, share)


def test_counts_by_hand():
    # 10 documents with 40 pieces in all, 4 each; 30 of the 40, three quarters, are Hangul.
    seen = DocumentFrequencies(np.array([0, 20, 10, 0, 10]), 10)
    found = pseudo(seen, 2.0)
    assert found.documents == 20
    # p of 가, 나, 다: .4, .2, .1 over .7, times .75; a document has the piece with 1 - exp(-4 p).
    expected = [20 * (1 - np.exp(-4 * 0.75 * p / 0.7)) for p in (0.4, 0.2, 0.1)]
    assert found.counts_V == pytest.approx([0, *expected, 0])


def test_an_unseen_common_piece_weighs_less_than_an_unseen_rare_one():
    seen = DocumentFrequencies(np.array([0, 20, 0, 0, 10]), 30)
    before, after = seen.idf(), (seen + pseudo(seen, 1.0)).idf()
    assert before[2] == before[3]
    assert after[2] < after[3] < before[3] + np.log(2) + 0.02  # twice as many documents
    assert after.dtype == np.float32


def test_a_corpus_without_hangul_stays_as_it_is():
    seen = DocumentFrequencies(np.array([0, 0, 0, 0, 10]), 10)
    assert pseudo(seen, 1.0).counts_V.tolist() == [0, 0, 0, 0, 0]
    assert pseudo(DocumentFrequencies(np.zeros(5, dtype=np.int64), 0), 1.0).documents == 0


def test_the_real_tokenizer_knows_korean(tokenizer):
    probability_V = unigram_probabilities(tokenizer)
    assert probability_V.shape == (len(tokenizer),)
    assert 0 < probability_V[hangul_mask(tokenizer)].sum() < 0.2  # a hundred languages share the rest
    ids = tokenizer.convert_tokens_to_ids
    assert probability_V[ids("▁우리")] > 2 * probability_V[ids("▁결제")] > 0


def test_a_tokenizer_without_probabilities():
    words = of(WordLevel({"<unk>": 0, "가": 1}, unk_token="<unk>"))
    with pytest.raises(UserError, match=r"this is WordLevel\. Set loss\.idf_prior=0\.$"):
        unigram_probabilities(words)
