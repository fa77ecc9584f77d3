"""The IDF and mask files: round trip, and one line with the remedy for each way they can be wrong."""

import numpy as np
import pytest
import torch
from refused import message

from kosplade.vocab.frequencies import DocumentFrequencies
from kosplade.vocab.tables import load_idf, load_mask, save_idf, save_mask

FREQUENCIES = DocumentFrequencies(np.array([0, 1, 3]), 3, 12)
FUNCTIONAL = np.array([0.0, 1.0, 0.25], dtype=np.float32)
SMOOTHED = DocumentFrequencies(np.array([0.5, 2.0, 5.5]), 6)


@pytest.fixture
def idf(tmp_path):
    save_idf(tmp_path / "new" / "idf.pt", FREQUENCIES, SMOOTHED, FUNCTIONAL)
    return tmp_path / "new" / "idf.pt"


@pytest.fixture
def mask(tmp_path):
    save_mask(tmp_path / "mask.pt", np.array([True, False, True]))
    return tmp_path / "mask.pt"


def test_idf_comes_back_to_the_bit(idf):
    idf_V, functional_V, frequencies = load_idf(idf, 3)
    assert (idf_V.dtype, frequencies.counts_V.dtype) == (torch.float32, np.int64)
    assert idf_V.numpy().tobytes() == SMOOTHED.idf().tobytes()
    assert frequencies.counts_V.tolist() == [0, 1, 3]
    value = torch.load(idf, weights_only=True)
    assert value.keys() == {"idf_counted", "idf", "functional", "document_frequency", "documents", "pieces"}
    assert functional_V.numpy().tobytes() == FUNCTIONAL.tobytes()
    assert frequencies.mean_length == 4.0
    assert value["idf_counted"].numpy().tobytes() == FREQUENCIES.idf().tobytes()
    assert frequencies.documents == value["documents"] == 3


def test_mask_comes_back(mask):
    mask_V = load_mask(mask, 3)
    assert mask_V.dtype == torch.bool
    assert mask_V.tolist() == [True, False, True]


def test_missing_files_and_those_of_another_vocabulary(idf, mask, tmp_path):
    for load, path, stage in ((load_idf, idf, "idf"), (load_mask, mask, "stopwords")):
        said = message(load, path, 4)
        assert said.startswith(f"{path}: has 3 pieces, ")
        assert said.endswith(f"Run: make prepare-v25-{stage}")
        assert message(load, tmp_path / "absent.pt", 3).endswith(f"not found. Run: make prepare-v25-{stage}")


@pytest.mark.parametrize("damage", [lambda data: data[: len(data) // 2], lambda data: b"", lambda data: b"not torch"])
def test_damaged_files(idf, mask, damage):
    for load, path, stage in ((load_idf, idf, "idf"), (load_mask, mask, "stopwords")):
        path.write_bytes(damage(path.read_bytes()))
        text = message(load, path, 3)
        assert text.startswith(f"{path}: cannot be read (")
        assert text.endswith(f"Run: make prepare-v25-{stage}")


@pytest.mark.parametrize(
    "change",
    [{"documents": 2}, {"documents": 3.0}, {"pieces": 3}, {"idf_counted": None}, {"functional": None}, {"idf": "text"}],
)
def test_tables_of_another_shape(idf, mask, change):
    torch.save(torch.load(idf, weights_only=True) | change, idf)
    for load, path, stage in ((load_idf, idf, "idf"), (load_idf, mask, "idf"), (load_mask, idf, "stopwords")):
        assert message(load, path, 3) == (
            f"{path}: does not hold a table of the vocabulary. Run: make prepare-v25-{stage}"
        )
