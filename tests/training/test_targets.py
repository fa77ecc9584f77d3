"""What a document is asked to weigh for its morphemes: Kiwi, a real tokenizer, the counts by hand."""

import pytest
import torch
from tiny_tokenizers import unigram

from kosplade.training.batches import wanted_weights
from kosplade.training.targets import MorphemePieces


@pytest.fixture(scope="module")
def wanted():
    """Targets by piece; how the tokenizer pads and cuts batches, before and after, does not matter."""
    tokenizer = unigram(**{"▁식": -5.0, "당": -5.0, "▁조용": -5.0, "▁바다": -5.0})
    tokenizer(["식당", "조용한 식당에서"], padding=True, truncation=True, max_length=4)
    targets = MorphemePieces(tokenizer)
    tokenizer("조용한 식당에서", padding="max_length", truncation=True, max_length=4)

    def wanted(texts: list[str]) -> list[dict[str, float]]:
        ids_NW, targets_NW = targets(texts)
        assert (ids_NW.dtype, targets_NW.dtype) == (torch.int64, torch.float32)
        return [
            {tokenizer.convert_ids_to_tokens(piece): target for piece, target in zip(*row, strict=True) if target > 0}
            for row in zip(ids_NW.tolist(), targets_NW.tolist(), strict=True)
        ]

    return wanted


def test_a_morpheme_is_wanted_more_the_more_often_it_occurs(wanted):
    once, twice, thrice = wanted(["식당을 열었다.", "식당에서도 식당은 조용하다.", "식당, 식당, 그리고 식당"])
    # tf * 2.2 / (tf + 1.2)
    assert once["▁식"] == 1.0
    assert twice["▁식"] == pytest.approx(2 * 2.2 / 3.2)
    assert thrice["▁식"] == pytest.approx(3 * 2.2 / 4.2)
    assert twice["▁조용"] == 1.0
    # Particles and endings are nobody's morphemes.
    assert not {"을", "에서", "은", "다"} & (once | twice | thrice).keys()
    # Nor are bound nouns, pronouns, auxiliaries and light verbs.
    assert wanted(["그것을 할 수 있다"]) == [{}]
    # A text without morphemes wants nothing.
    assert wanted(["...", "바다", ""]) == [{}, {"▁바다": 1.0}, {}]


def test_targets_over_the_vocabulary():
    ids = torch.tensor([[4, 2, 0], [3, 0, 0]])
    targets = torch.tensor([[1.0, 1.5, 0.0], [1.25, 0.0, 0.0]])
    assert wanted_weights(ids, targets, 5).tolist() == [[0, 0, 1.5, 0, 1], [0, 0, 0, 1.25, 0]]
