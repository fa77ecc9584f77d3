"""The order of the records: a function of seed and epoch, so that a resumed run meets the rest of its epoch."""

from collections.abc import Iterator

import numpy as np
from torch.utils.data import Sampler
from transformers import TrainerCallback


class RecordOrder(Sampler[int]):
    """Each epoch a permutation of `count` records drawn from (seed, epoch); 8 bytes a record."""

    def __init__(self, count: int, seed: int):
        self.count = count
        self.seed = seed
        self.epoch = 0

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[int]:
        return map(int, np.random.default_rng([self.seed, self.epoch]).permutation(self.count))


class OrderOfEpoch(TrainerCallback):
    """Tells the order its epoch. The data loader's own way does not reach a sampler that several processes share."""

    def __init__(self, order: RecordOrder):
        self._order = order

    def on_epoch_begin(self, args, state, control, **kwargs) -> None:
        self._order.epoch = int(state.epoch)
