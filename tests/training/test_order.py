"""The order of the records: permutations drawn from seed and epoch, and the callback that tells the epoch."""

from itertools import combinations

import pytest
import torch
from transformers import TrainerControl, TrainerState

from kosplade.training.order import OrderOfEpoch, RecordOrder


def order(count=100, seed=42, epoch=0) -> list[int]:
    sampler = RecordOrder(count, seed)
    sampler.epoch = epoch
    return list(sampler)


def test_a_function_of_seed_and_epoch():
    orders = {(seed, epoch): order(seed=seed, epoch=epoch) for seed in (0, 1, 42) for epoch in range(4)}
    state = torch.get_rng_state()
    for (seed, epoch), indices in reversed(orders.items()):
        assert order(seed=seed, epoch=epoch) == indices
        assert sorted(indices) == list(range(100))
    assert torch.equal(torch.get_rng_state(), state)
    for one, other in combinations(orders.values(), 2):
        # Two random permutations agree in one place on average; in ten hardly ever (1 / 10!).
        assert sum(a == b for a, b in zip(one, other, strict=True)) < 10


@pytest.mark.parametrize(("epoch", "expected"), [(0, 0), (0.99, 0), (1.0, 1), (1.35, 1)])
def test_the_epoch_of_the_state(epoch, expected):
    sampler = RecordOrder(100, 42)
    sampler.epoch = 7
    OrderOfEpoch(sampler).on_epoch_begin(None, TrainerState(epoch=epoch), TrainerControl())
    assert sampler.epoch == expected
    assert list(sampler) == order(epoch=expected)
