"""An exported folder as an index serves it: lengths, the pieces of a document, bad folders."""

import json
from contextlib import nullcontext

import numpy as np
import pytest
import torch
from tiny_export import COUNTING, HIDDEN, HYBRID_WEIGHT, WEIGHT_V, write_tiny_export
from tiny_tokenizers import unigram

from kosplade.errors import UserError
from kosplade.model import Counting, Occurrences
from kosplade.retrieval.encoding import without
from kosplade.retrieval.served import WAYS, check_length, load_export

TEXTS = ["w5 w6 w7 w8", "w9", "w10 w5 w5"]


@pytest.fixture
def export(tmp_path, word_tokenizer):
    """A small random model, exported with w7 masked; idf of piece i is i / 10."""
    folder = tmp_path / "export"
    return folder, write_tiny_export(folder, word_tokenizer)


def load(folder):
    return load_export(folder, max_query_length=5, max_document_length=5)


def test_vectors_are_the_encoders_without_what_is_hidden(export, word_tokenizer):
    folder, encoder = export
    model = load(folder)
    pooled_NV = encoder.encode(TEXTS, word_tokenizer, max_length=5).toarray()
    assert (pooled_NV[:, HIDDEN] > 0).any()
    pooled_NV[:, HIDDEN] = 0
    texts = word_tokenizer(TEXTS, max_length=5, truncation=True, padding=True, return_tensors="pt")
    occurrences = Occurrences(COUNTING, WEIGHT_V)
    expected_NV = occurrences(torch.from_numpy(pooled_NV), texts["input_ids"], texts["attention_mask"]).numpy()
    expected_NV[:, 39] = 0  # in none of the texts, and not expandable
    np.testing.assert_allclose(model.documents(TEXTS, "test").toarray(), expected_NV, atol=1e-5)
    queries = model.queries(TEXTS, "test")
    assert list(queries) == list(WAYS)
    # Cut to w5 w6 w7: w8 is lost, w7 is not served.
    row = queries["inference_free"].toarray()[0]
    np.testing.assert_allclose(row[row > 0], [0.5, 0.6])
    encoded_NV = pooled_NV + COUNTING.query_idf * queries["inference_free"].toarray()
    np.testing.assert_allclose(queries["encoded"].toarray(), encoded_NV, atol=1e-5)
    some = model.queries(TEXTS, "test", np.array([9, 20]))["encoded"].toarray()
    np.testing.assert_allclose(some[:, [9, 20]], encoded_NV[:, [9, 20]], atol=1e-5)


def test_a_model_of_another_recipe_counts_nothing_and_weighs_evenly(export):
    folder, _ = export
    config = json.loads((folder / "config.json").read_text())
    assert (load(folder).counting, load(folder).hybrid_weight) == (COUNTING, HYBRID_WEIGHT)
    del config["occurrences"], config["hybrid_weight"]
    (folder / "config.json").write_text(json.dumps(config))
    assert (load(folder).counting, load(folder).hybrid_weight) == (Counting(), {"inference_free": 0.5, "encoded": 0.5})


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("occurrences", {"k1": 1.0, "k2": 2.0}, "is not what an export holds"),
        ("hybrid_weight", {"inference_free": 0.5, "encoded": 1.5}, "is not a number from 0 to 1 for each of"),
        ("hybrid_weight", 0.7, "is not a number from 0 to 1 for each of inference_free and encoded"),
    ],
)
def test_what_config_says_is_checked(export, key, value, said):
    folder, _ = export
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {key: value}))
    with pytest.raises(UserError, match=rf"config\.json: '{key}' {said}"):
        load(folder)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("config.json", r"not an exported model \(no config.json\). Run: make convert-v25-hf"),
        ("tokenizer.json", r"no tokenizer could be loaded .*Run: make convert-v25-hf$"),
        ("model.safetensors", "the model cannot be loaded"),
    ],
)
def test_a_folder_with_a_file_missing(export, name, said):
    (export[0] / name).unlink()
    with pytest.raises(UserError, match=said):
        load(export[0])


def test_pieces_are_cut_and_special_ones_left_out(export):
    model = load(export[0])
    assert model.pieces(TEXTS, "document")[0] == [0, 5, 6, 7, 2]
    assert model.plain_pieces(TEXTS, "query") == [[5, 6, 7], [9], [10, 5, 5]]


def test_a_document_has_its_own_pieces_and_expandable_ones(export):
    folder, _ = export
    model = load(folder)
    assert json.loads((folder / "expandable.json").read_text()) == [f"w{i}" for i in range(5, 39) if i != 7]
    texts = ["w5 w6", "w39 w8", "w7"]
    whole_NV = without(model.raw(texts, "document", ""), model.unserved_V).toarray()
    assert (whole_NV[:, 39] > 0).all()
    expected_NV = whole_NV.copy()
    expected_NV[[0, 2], 39] = 0
    np.testing.assert_allclose(model.documents(texts, "").toarray(), expected_NV, atol=1e-5)
    for text, expected_V in zip(texts, expected_NV, strict=True):
        np.testing.assert_allclose(model.documents([text], "").toarray()[0], expected_V, atol=1e-5)
    for value in ({"w9": 1}, ["w9", "w40"], [["w9"]]):
        (folder / "expandable.json").write_text(json.dumps(value))
        with pytest.raises(UserError, match=r"expandable.json: not a list of the tokenizer's pieces\. Run: make"):
            load(folder)
    (folder / "expandable.json").unlink()  # an export of before: any piece
    np.testing.assert_allclose(load(folder).documents(texts, "").toarray(), whole_NV, atol=1e-5)


def test_an_idf_of_another_vocabulary(export):
    folder, _ = export
    weights = json.loads((folder / "idf.json").read_text())
    del weights["w9"]
    for value in (weights, [1, 2], 3):
        (folder / "idf.json").write_text(json.dumps(value))
        with pytest.raises(UserError, match=r"idf.json: not a weight for each of the tokenizer's 40 pieces"):
            load(folder)


def test_a_tokenizer_of_another_size(export):
    folder, _ = export
    tokenizer = unigram()
    tokenizer.save_pretrained(folder)
    with pytest.raises(UserError, match=rf"the model has 40 pieces, the tokenizer {len(tokenizer)}; they must agree"):
        load(folder)


@pytest.mark.parametrize(
    ("length", "said"),
    [
        (3, None),
        (38, None),
        (2, "--n is 2; 2 are special pieces"),
        (39, "--n is 39; the model reads at most 38 pieces"),
    ],
)
def test_lengths_that_the_model_can_read(export, length, said):
    model = load(export[0])  # of 40 positions, of which XLM-R leaves two free
    with pytest.raises(UserError, match=said) if said else nullcontext():
        check_length(model, length, "--n")
