"""The file of the stage idf: what it counted beside the IDF in use, and which tokenizers it takes."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_tokenizers import SENTENCES, byte_level, unigram, wordpiece

from kosplade.errors import UserError
from kosplade.params import load_params
from kosplade.paths import BACKBONE, COLLECTION, IDF, MASK, TRIPLETS
from kosplade.records.arrow import write_triplets
from kosplade.records.record import Record
from kosplade.stages import idf
from kosplade.vocab.frequencies import DocumentFrequencies
from kosplade.vocab.tables import open_tables, save_mask

PARAMS = load_params(Path(__file__).parents[2] / "params.yaml")


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run the stage on SENTENCES with a tokenizer and values of `loss`; return its closing line."""
    monkeypatch.chdir(tmp_path)

    def run(tokenizer, **loss) -> str:
        tokenizer.save_pretrained(BACKBONE)
        write_triplets(TRIPLETS, [Record("질문", text, ()) for text in SENTENCES])
        save_mask(MASK, np.zeros(len(tokenizer), dtype=bool))
        return idf.body(PARAMS.model_copy(update={"loss": PARAMS.loss.model_copy(update=loss)}))

    return run


@pytest.mark.parametrize("make", [unigram, wordpiece, byte_level])
def test_without_a_prior_the_idf_in_use_is_the_counted_one(run, make):
    tokenizer = make()
    run(tokenizer, idf_prior=0.0)
    value = torch.load(IDF, weights_only=True)
    counts_V = np.zeros(len(tokenizer), dtype=np.int64)
    for text in SENTENCES:
        counts_V[list(set(tokenizer(text, add_special_tokens=False)["input_ids"]))] += 1
    assert value["document_frequency"].tolist() == counts_V.tolist()
    assert value["documents"] == len(SENTENCES)
    expected = DocumentFrequencies(counts_V, len(SENTENCES)).idf().tobytes()
    assert value["idf"].numpy().tobytes() == value["idf_counted"].numpy().tobytes() == expected
    assert open_tables(tokenizer).idf_V.numpy().tobytes() == expected


def test_with_a_prior_pieces_that_do_not_occur_weigh_what_the_tokenizer_knows(run):
    tokenizer = unigram(**{"▁우리": -4.0, "▁결재": -9.0})
    assert ", 10 added by loss.idf_prior, " in run(tokenizer, idf_prior=2.0)
    tables, value = open_tables(tokenizer), torch.load(IDF, weights_only=True)
    common, rare, foreign = tokenizer.convert_tokens_to_ids(["▁우리", "▁결재", "▁the"])
    assert value["idf_counted"][common] == value["idf_counted"][rare]
    assert tables.idf_V[common] < tables.idf_V[rare]
    # What occurs in training, and so costs less in FLOPS, is still what the corpus holds.
    assert tables.document_frequency_V[[common, rare, foreign]].tolist() == [0, 0, 1]
    assert value["documents"] == 5


@pytest.mark.parametrize("make", [wordpiece, byte_level])
def test_a_tokenizer_without_probabilities_is_told_before_anything_is_counted(run, make, monkeypatch):
    monkeypatch.setattr(idf, "count_shards", lambda *_: pytest.fail("counted"))
    with pytest.raises(UserError, match=r"Set loss\.idf_prior=0\.$"):
        run(make(), idf_prior=1.0)


@pytest.mark.parametrize("make", [wordpiece, byte_level])
def test_without_idf_weighting_any_tokenizer_does_whatever_the_prior(run, make):
    run(make(), idf_prior=1.0, idf_weighting=False)
    value = torch.load(IDF, weights_only=True)
    assert torch.equal(value["idf"], value["idf_counted"])


def test_a_collection_is_counted_beside_the_training_documents(run):
    tokenizer = unigram()
    COLLECTION.mkdir(parents=True)
    (COLLECTION / "README.md").write_text("no document")
    assert "more of" not in run(tokenizer, idf_prior=0.0)
    alone = torch.load(IDF, weights_only=True)
    for name, text in (("a.jsonl", SENTENCES[0]), ("b.jsonl", "결재")):
        (COLLECTION / name).write_text(json.dumps({"_id": name, "text": text}) + "\n")
    assert ", 2 more of data/collection, " in run(tokenizer, idf_prior=0.0)
    both = torch.load(IDF, weights_only=True)
    counts_V = both["document_frequency"].numpy().copy()
    for text in (SENTENCES[0], "결재"):
        counts_V[list(set(tokenizer(text, add_special_tokens=False)["input_ids"]))] += 1
    expected = DocumentFrequencies(counts_V, len(SENTENCES) + 2).idf()
    assert both["idf"].numpy().tobytes() == expected.tobytes() != alone["idf"].numpy().tobytes()
    # What the training knows, and so may expand to, is still what it holds.
    for name in ("document_frequency", "idf_counted", "documents", "pieces"):
        assert torch.equal(torch.as_tensor(both[name]), torch.as_tensor(alone[name]))


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.jsonl", '{"_id": "1", "text": "글"}\n{"_id": "2"}\n', r"data/collection/a\.jsonl:2: a document without"),
        ("a.csv", "id,text\n", r"data/collection/a\.csv: none of \.jsonl"),
    ],
)
def test_a_collection_that_cannot_be_read_names_the_place(run, name, text, said):
    COLLECTION.mkdir(parents=True)
    (COLLECTION / name).write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=said):
        run(unigram())
