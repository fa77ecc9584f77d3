"""The pictures show the figures of their tables: lengths and places by scale, stopwords apart from the rest."""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from tiny_export import write_tiny_export

from kosplade.errors import UserError
from kosplade.model import SparseEncoder
from kosplade.model.weights import save_trained
from kosplade.paths import BACKBONE, MASK
from kosplade.report import picture
from kosplade.vocab.tables import save_mask

ROWS = [
    {"piece": "▁환불", "in_text": "yes", "stopword": "no", "v24": "2.00", "v25": "3.00"},
    {"piece": "은", "in_text": "yes", "stopword": "yes", "v24": "1.50", "v25": "0.00"},
    {"piece": "<b>&", "in_text": "no", "stopword": "no", "v24": "0.75", "v25": "1.00"},
]
PRUNING = [
    {"max_ratio": "0.0", "index_bytes": "4000000", "inference_free": "0.70", "encoded": "0.72"},
    {"max_ratio": "0.2", "index_bytes": "2000000", "inference_free": "0.68", "encoded": "0.70"},
]
COST = {"encoded": {"index_bytes": 4_000_000}, "bm25": {"index_bytes": 1_000_000}}
FIGURES = {"queries": 9, "encoded": {"ndcg10": 0.72}, "bm25": {"ndcg10": 0.60}}


def elements(svg: str, tag: str) -> list[ElementTree.Element]:
    return list(ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}" + tag))


def test_bars_are_as_long_as_weights_and_stopwords_are_hatched():
    bars = [bar for bar in elements(picture.pieces(ROWS), "rect") if bar.get("height") == "17"]
    drawn = [(int(bar.get("x")), float(bar.get("width")), bar.get("fill")) for bar in bars]
    v24, v25, blue = 130, 430, "#3a86c8"
    assert drawn == [
        (v24, 140, blue),
        (v25, 210, blue),
        (v24, 105, "url(#hatch)"),  # and none in V25, where it weighs nothing
        (v24, 52.5, blue),
        (v25, 70, blue),
    ]


def test_texts_are_the_pieces_and_their_figures():
    texts = [text.text for text in elements(picture.pieces(ROWS), "text")]
    assert texts[3:-2] == [
        *("▁환불", "2.00", "3.00"),
        *("은", "1.50", "0.00"),
        *("added by the models", "<b>&", "0.75", "1.00"),
    ]


def test_pruning_places_lines_and_baselines_on_one_scale():
    svg = picture.pruning(PRUNING, COST, FIGURES)
    free, encoded = (line.get("points") for line in elements(svg, "polyline"))
    # 0 to 4 MB are 66 to 690, .60 to .75 are 320 to 44
    assert free.split() == ["690.0,136.0", "378.0,172.8"]
    assert encoded.split() == ["690.0,99.2", "378.0,136.0"]
    (baseline,) = elements(svg, "path")
    assert baseline.get("d").startswith("M222.0,320.0")  # 1 MB, .60


def test_measure_reads_both_trainings(tmp_path, monkeypatch, word_tokenizer):
    monkeypatch.chdir(tmp_path)
    BACKBONE.parent.mkdir()
    write_tiny_export(BACKBONE, word_tokenizer)
    encoder = SparseEncoder.load(BACKBONE).eval()
    MASK.parent.mkdir(parents=True)
    save_mask(MASK, np.arange(40) == 9)
    folders = [tmp_path / "train_v24", tmp_path / "train_v25"]
    ids = torch.tensor([[0, 9, 12, 9, 2]])
    weights = []
    for folder, bias in zip(folders, (1.0, 2.0), strict=True):
        folder.mkdir()
        encoder.decoder.bias.data = bias * torch.arange(40.0) / 40
        save_trained(encoder, folder / "model.safetensors")
        with torch.inference_mode():
            weights.append(encoder(ids, torch.ones_like(ids))[0])
    rows = picture.measure(folders, "w9 w12 w9")
    assert [row["piece"] for row in rows[:2]] == ["w9", "w12"]
    assert [row["stopword"] for row in rows[:2]] == ["yes", "no"]
    for row in rows:
        id_ = int(row["piece"].removeprefix("w"))
        assert [row["v24"], row["v25"]] == [f"{weight_V[id_]:.2f}" for weight_V in weights]
    assert len(rows) == 2 + picture.ADDED
    assert all(row["in_text"] == "no" for row in rows[2:])


def test_one_folder_is_not_enough():
    with pytest.raises(UserError, match="two folders"):
        picture.main(["outputs/train_v25"])


def test_the_pictures_in_docs_are_those_of_their_tables(tmp_path, monkeypatch):
    root = Path(__file__).parents[2]
    drawn = {path: (root / path).read_text(encoding="utf-8") for path in (picture.PIECES, picture.PRUNING)}
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/pieces.tsv").write_bytes((root / "docs/pieces.tsv").read_bytes())
    (tmp_path / "metrics").symlink_to(root / "metrics")
    monkeypatch.chdir(tmp_path)
    picture.main([])
    assert {path: path.read_text(encoding="utf-8") for path in drawn} == drawn
