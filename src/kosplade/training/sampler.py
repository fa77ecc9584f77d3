"""Which pieces a training step computes: those that matter always, the others by an unbiased sample."""

import torch
from torch import Tensor


class PieceSampler:
    """Draws the pieces of a step.

    The core (pieces of the training documents, Hangul pieces and masked pieces) is always there. Of the rest, `sample`
    pieces are drawn without replacement and count `rest / sample` times in the FLOPS penalty, so that the penalty's
    expectation is that of the whole vocabulary. `sample` 0, or at least the size of the rest, computes everything.
    """

    def __init__(self, core_V: Tensor, sample: int, seed: int):
        self.core_C = core_V.nonzero().squeeze(1)
        self.rest_R = (~core_V).nonzero().squeeze(1)
        self.sample = min(sample, len(self.rest_R)) if sample else len(self.rest_R)
        self.seed = seed

    def draw(self, step: int) -> tuple[Tensor, Tensor]:
        """(pieces [P] int64, sorted; multiplicity [P] float32) of a global step: a function of seed and step only."""
        if self.sample == len(self.rest_R):
            pieces_P = torch.cat([self.core_C, self.rest_R]).sort().values
            return pieces_P, torch.ones(len(pieces_P))
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        picked_S = self.rest_R[torch.randperm(len(self.rest_R), generator=generator)[: self.sample]]
        pieces_P, order_P = torch.cat([self.core_C, picked_S]).sort()
        factor = torch.ones(len(pieces_P))
        factor[len(self.core_C) :] = len(self.rest_R) / self.sample
        return pieces_P, factor[order_P]
