"""The IDF and mask files: round trip, and one line with the remedy for each way they can be wrong."""

import numpy as np
import pytest
import torch

from kosplade.errors import UserError
from kosplade.vocab.idf import DocumentFrequencies
from kosplade.vocab.tables import load_idf, load_mask, save_idf, save_mask

FREQUENCIES = DocumentFrequencies(np.array([0, 1, 3]), 3)
SMOOTHED = DocumentFrequencies(np.array([0.5, 2.0, 5.5]), 6)


@pytest.fixture
def idf(tmp_path):
    save_idf(tmp_path / "new" / "idf.pt", FREQUENCIES, SMOOTHED)
    return tmp_path / "new" / "idf.pt"


@pytest.fixture
def mask(tmp_path):
    save_mask(tmp_path / "mask.pt", np.array([True, False, True]))
    return tmp_path / "mask.pt"


def message(load, path, size=3) -> str:
    with pytest.raises(UserError) as error:
        load(path, size)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_idf_comes_back_to_the_bit(idf):
    idf_V, frequencies = load_idf(idf, 3)
    assert (idf_V.dtype, frequencies.counts_V.dtype) == (torch.float32, np.int64)
    assert idf_V.numpy().tobytes() == SMOOTHED.idf().tobytes()
    assert frequencies.counts_V.tolist() == [0, 1, 3]
    value = torch.load(idf, weights_only=True)
    assert value.keys() == {"idf_counted", "idf", "document_frequency", "documents"}
    assert value["idf_counted"].numpy().tobytes() == FREQUENCIES.idf().tobytes()
    assert frequencies.documents == value["documents"] == 3


def test_a_file_without_the_counted_table_is_of_an_older_stage(idf):
    value = torch.load(idf, weights_only=True)
    del value["idf_counted"]
    torch.save(value, idf)
    assert message(load_idf, idf) == f"{idf}: does not hold a table of the vocabulary. Run: make prepare-v25-idf"


def test_mask_comes_back(mask):
    mask_V = load_mask(mask, 3)
    assert mask_V.dtype == torch.bool
    assert mask_V.tolist() == [True, False, True]


def test_missing_files(tmp_path):
    assert message(load_idf, tmp_path / "absent.pt") == "IDF weights not found. Run: make prepare-v25-idf"
    assert message(load_mask, tmp_path / "absent.pt") == "Stopword mask not found. Run: make prepare-v25-stopwords"


def test_files_of_another_vocabulary(idf, mask):
    text = "has 3 pieces, the tokenizer of data/backbone has 4. Run: make prepare-v25-"
    assert message(load_idf, idf, 4) == f"{idf}: {text}idf"
    assert message(load_mask, mask, 4) == f"{mask}: {text}stopwords"


@pytest.mark.parametrize("damage", [lambda data: data[: len(data) // 2], lambda data: b"", lambda data: b"not torch"])
def test_damaged_files(idf, mask, damage):
    for load, path, stage in ((load_idf, idf, "idf"), (load_mask, mask, "stopwords")):
        path.write_bytes(damage(path.read_bytes()))
        text = message(load, path)
        assert text.startswith(f"{path}: cannot be read (")
        assert text.endswith(f"Run: make prepare-v25-{stage}")


def test_code_in_a_file_is_not_run(idf, tmp_path):
    class Harmful:
        def __reduce__(self):
            return (tmp_path / "harm").touch, ()

    torch.save({"idf": Harmful()}, idf)
    assert "cannot be read" in message(load_idf, idf)
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize("documents", [2, None, 3.0, True])
def test_documents_that_do_not_fit_their_counts(idf, documents):
    torch.save(torch.load(idf, weights_only=True) | {"documents": documents}, idf)
    assert message(load_idf, idf) == f"{idf}: does not hold a table of the vocabulary. Run: make prepare-v25-idf"


def test_a_mask_where_weights_are_expected(mask):
    assert message(load_idf, mask) == f"{mask}: does not hold a table of the vocabulary. Run: make prepare-v25-idf"


def test_something_else_where_a_mask_is_expected(tmp_path):
    torch.save(3, tmp_path / "mask.pt")
    assert message(load_mask, tmp_path / "mask.pt").endswith("Run: make prepare-v25-stopwords")
