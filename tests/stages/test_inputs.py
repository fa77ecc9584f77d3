"""The tables that the stages open: the IDF of the file, or smoothed by what the tokenizer knows of Korean."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from objective_recipes import OFF, V24

from kosplade.stages.inputs import IDF, MASK, open_tables
from kosplade.vocab.idf import DocumentFrequencies
from kosplade.vocab.tables import save_idf, save_mask


@pytest.fixture
def frequencies(tokenizer, tmp_path, monkeypatch):
    """A corpus of 100 documents that knows two pieces only, in the files of the stages idf and stopwords."""
    monkeypatch.chdir(tmp_path)
    counts_V = np.zeros(len(tokenizer), dtype=np.int64)
    counts_V[tokenizer.convert_tokens_to_ids(["▁사람", "▁카드"])] = 60, 40
    found = DocumentFrequencies(counts_V, 100)
    save_idf(IDF, found)
    save_mask(MASK, np.zeros(len(tokenizer), dtype=bool))
    return found


def test_without_a_prior_the_idf_is_that_of_the_file(tokenizer, frequencies):
    tables = open_tables(tokenizer, OFF)
    assert torch.equal(tables.idf_V, torch.from_numpy(frequencies.idf()))
    assert tables.document_frequency_V.tolist() == frequencies.counts_V.tolist()


def test_with_a_prior_common_unseen_pieces_weigh_less_than_rare_ones(tokenizer, frequencies):
    tables = open_tables(tokenizer, replace(OFF, idf_prior=1.0))
    common, rare = tokenizer.convert_tokens_to_ids(["▁우리", "▁결제"])
    assert rare != tokenizer.unk_token_id
    assert tables.idf_V[common] < tables.idf_V[rare]
    # What occurs in training, and so costs less in FLOPS, is still what the corpus holds.
    assert tables.document_frequency_V.tolist() == frequencies.counts_V.tolist()


def test_without_idf_weighting_nothing_asks_the_tokenizer_for_a_prior(tokenizer, frequencies, monkeypatch):
    """So that V24 trains with a tokenizer that has no probabilities, whatever `idf_prior` says."""
    monkeypatch.setattr("kosplade.stages.inputs.pseudo_documents", lambda *_: pytest.fail("asked for a prior"))
    tables = open_tables(tokenizer, replace(OFF, idf_prior=1.0, **V24))
    assert torch.equal(tables.idf_V, torch.from_numpy(frequencies.idf()))
