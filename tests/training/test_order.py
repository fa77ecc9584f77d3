"""The order of the records: permutations drawn from seed and epoch, and the callback that tells the epoch."""

from itertools import combinations

import pytest
import torch
from torch.utils.data import DataLoader
from transformers import TrainerControl, TrainerState

from kosplade.training.order import OrderOfEpoch, RecordOrder


def order(count=100, seed=42, epoch=0) -> list[int]:
    sampler = RecordOrder(count, seed)
    sampler.epoch = epoch
    return list(sampler)


@pytest.mark.parametrize("count", [0, 1, 2, 1000])
def test_a_permutation(count):
    indices = order(count)
    assert sorted(indices) == list(range(count))
    assert all(type(index) is int for index in indices)
    assert len(RecordOrder(count, 42)) == count


def test_a_function_of_seed_and_epoch():
    orders = {(seed, epoch): order(seed=seed, epoch=epoch) for seed in (0, 1, 42) for epoch in range(4)}
    torch.manual_seed(1)
    for (seed, epoch), indices in reversed(orders.items()):
        assert order(seed=seed, epoch=epoch) == indices
    for one, other in combinations(orders.values(), 2):
        # Two random permutations agree in one place on average; in ten hardly ever (1 / 10!).
        assert sum(a == b for a, b in zip(one, other, strict=True)) < 10


def test_iterating_again_gives_the_same_order_until_the_epoch_changes():
    sampler = RecordOrder(50, 42)
    first = list(sampler)
    half = iter(sampler)
    assert [next(half) for _ in range(20)] == first[:20]
    assert list(sampler) == first
    sampler.epoch = 1
    assert list(sampler) == order(50, epoch=1) != first
    sampler.epoch = 0
    assert list(sampler) == first


def test_the_global_random_state_does_not_matter_and_stays():
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    order()
    assert torch.equal(torch.rand(1), expected)


@pytest.mark.parametrize(("epoch", "expected"), [(0, 0), (0.0, 0), (0.99, 0), (1.0, 1), (1.35, 1), (2.0, 2)])
def test_the_epoch_of_the_state(epoch, expected):
    sampler = RecordOrder(100, 42)
    sampler.epoch = 7
    OrderOfEpoch(sampler).on_epoch_begin(None, TrainerState(epoch=epoch), TrainerControl())
    assert sampler.epoch == expected
    assert list(sampler) == order(epoch=expected)


def test_a_data_loader_follows_the_epoch():
    sampler = RecordOrder(10, 42)
    loader = DataLoader(list(range(10)), sampler=sampler, batch_size=4, drop_last=True)
    state, callback = TrainerState(), OrderOfEpoch(sampler)
    for epoch in range(3):
        state.epoch = float(epoch)
        callback.on_epoch_begin(None, state, TrainerControl())
        assert torch.cat(list(loader)).tolist() == order(10, epoch=epoch)[:8]
