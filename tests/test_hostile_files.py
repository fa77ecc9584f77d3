"""Real files with bad intent: each ends in one line, and its payload has not run."""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from refused import message
from tiny_export import write_tiny_export

from kosplade.model.weights import load_trained
from kosplade.params import load_params
from kosplade.pretrained.dense import DenseEncoder
from kosplade.pretrained.masked_lm import pretrained_backbone
from kosplade.retrieval.served import load_export
from kosplade.teacher.scores import load_teacher
from kosplade.vocab.tables import load_idf, load_mask
from kosplade.vocab.tokenizer import load_tokenizer

ROOT = Path(__file__).parents[1]


class Payload:
    """Touches a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self._mark = mark

    def __reduce__(self) -> tuple:
        return self._mark.touch, ()


@pytest.fixture
def mark(tmp_path) -> Iterator[Path]:
    """What every payload of a test would make."""
    mark = tmp_path / "the payload ran"
    yield mark
    assert not mark.exists()


def test_a_pickle_in_the_place_of_what_a_stage_wrote(tmp_path, mark, word_tokenizer):
    hostile = tmp_path / "model.safetensors"
    torch.save({"idf": Payload(mark), "document_frequency": Payload(mark)}, hostile)
    with zipfile.ZipFile(hostile) as archive:  # the payload is there, and would run
        assert b"touch" in next(archive.read(name) for name in archive.namelist() if name.endswith("data.pkl"))
    write_tiny_export(tmp_path / "backbone", word_tokenizer)
    for name in ("queries_ids", "queries", "documents_ids", "documents"):
        np.save(tmp_path / f"{name}.npy", np.array([Payload(mark)], dtype=object), allow_pickle=True)
    for load, arguments, remedy in (
        (load_idf, (hostile, 3), "Run: make prepare-v25-idf"),
        (load_mask, (hostile, 3), "Run: make prepare-v25-stopwords"),
        (load_trained, (tmp_path / "backbone", hostile), "Run: dvc repro -f train"),
        (load_teacher, (tmp_path,), "Run: dvc repro -f teacher"),
    ):
        said = message(load, *arguments)
        assert said.startswith(str(tmp_path))
        assert said.endswith(remedy)


def _hostile_model(folder: Path, mark: Path, tokenizer, kind: str) -> Path:
    write_tiny_export(folder, tokenizer)
    if kind == "pickle":
        next(folder.glob("*.safetensors")).unlink()
        torch.save({"roberta.embeddings.word_embeddings.weight": Payload(mark)}, folder / "pytorch_model.bin")
    if kind == "code":
        (folder / "hostile.py").write_text(f"import pathlib\npathlib.Path({str(mark)!r}).touch()\n")
        names = ("AutoConfig", "AutoModel", "AutoModelForMaskedLM")
        config = {"model_type": "hostile", "auto_map": dict.fromkeys(names, "hostile.Hostile")}
        (folder / "config.json").write_text(json.dumps(config))
        config = {"tokenizer_class": "Hostile", "auto_map": {"AutoTokenizer": ["hostile.Hostile", None]}}
        (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return folder


@pytest.mark.parametrize("kind", ["pickle", "code"])
def test_a_model_of_somebody_else(tmp_path, mark, word_tokenizer, kind, monkeypatch):
    monkeypatch.setattr("builtins.input", lambda *_: "y")  # what a hasty user would answer to transformers' question
    folder = _hostile_model(tmp_path / "model", mark, word_tokenizer, kind)
    settings = load_params(ROOT / "params.yaml").teacher.model_copy(update={"name": str(folder)})
    assert message(pretrained_backbone, str(folder), None, 1).startswith(f"model.name '{folder}'")
    assert message(DenseEncoder, settings).startswith(f"teacher.name '{folder}' cannot be loaded: ")
    lengths = {"max_query_length": 8, "max_document_length": 8}
    assert message(load_export, folder, **lengths).startswith(f"{folder}: ")
    if kind == "code":
        assert message(load_tokenizer, folder).startswith(f"{folder}: ")
