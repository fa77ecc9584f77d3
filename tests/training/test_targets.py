"""What a document is asked to weigh for its morphemes: Kiwi, a real tokenizer, the counts by hand."""

import pytest
import torch

from kosplade.training.batches import wanted_weights
from kosplade.training.targets import MorphemePieces


def wanted(tokenizer, texts: list[str]) -> list[dict[str, float]]:
    ids_NW, targets_NW = MorphemePieces(tokenizer)(texts)
    assert ids_NW.dtype == torch.int64
    assert targets_NW.dtype == torch.float32
    assert ids_NW.shape == targets_NW.shape
    return [
        {tokenizer.convert_ids_to_tokens(piece): target for piece, target in zip(*row, strict=True) if target > 0}
        for row in zip(ids_NW.tolist(), targets_NW.tolist(), strict=True)
    ]


def test_a_morpheme_is_wanted_more_the_more_often_it_occurs(tokenizer):
    once, twice, thrice = wanted(
        tokenizer, ["식당을 열었다.", "식당에서도 식당은 조용하다.", "식당, 식당, 그리고 식당"]
    )
    # tf * 2.2 / (tf + 1.2)
    assert once["▁식"] == 1.0
    assert twice["▁식"] == pytest.approx(2 * 2.2 / 3.2)
    assert thrice["▁식"] == pytest.approx(3 * 2.2 / 4.2)
    assert twice["▁조용"] == 1.0
    # Particles and endings are nobody's morphemes.
    assert not {"▁을", "▁에서", "▁도", "▁은", "▁다"} & (once | twice | thrice).keys()


def test_how_the_tokenizer_pads_and_cuts_batches_does_not_matter(tokenizer):
    texts = ["식당에서도 식당은 조용하다.", "바다"]
    expected = wanted(tokenizer, texts)
    try:
        tokenizer(["식당", "조용한 식당에서"], padding=True, truncation=True, max_length=4)
        assert wanted(tokenizer, texts) == expected
        tokenizer("조용한 식당에서", padding="max_length", truncation=True, max_length=4)
        assert wanted(tokenizer, texts) == expected
    finally:
        tokenizer.backend_tokenizer.no_padding()
        tokenizer.backend_tokenizer.no_truncation()


def test_a_text_without_morphemes_wants_nothing(tokenizer):
    empty, words = wanted(tokenizer, ["...", "바다"])
    assert empty == {}
    assert words
    assert wanted(tokenizer, ["", "..."]) == [{}, {}]


def test_targets_over_the_vocabulary():
    ids = torch.tensor([[4, 2, 0], [3, 0, 0]])
    targets = torch.tensor([[1.0, 1.5, 0.0], [1.25, 0.0, 0.0]])
    assert wanted_weights(ids, targets, 5).tolist() == [[0, 0, 1.5, 0, 1], [0, 0, 0, 1.25, 0]]
