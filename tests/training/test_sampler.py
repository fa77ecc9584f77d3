"""The pieces of a step: reproducible, the core always there, the penalty's expectation that of the whole vocabulary."""

import torch

from kosplade.training.sampler import PieceSampler

V = 60
CORE = [3, 7, 8, 50]
CORE_V = torch.isin(torch.arange(V), torch.tensor(CORE))


def draw(step=0, sample=10, seed=1):
    return PieceSampler(CORE_V, sample, seed).draw(step)


def test_a_draw():
    pieces, multiplicity = draw()
    assert (pieces.dtype, multiplicity.dtype) == (torch.int64, torch.float32)
    assert len(pieces) == len(multiplicity) == 4 + 10
    assert pieces.tolist() == sorted(set(pieces.tolist()))
    assert set(CORE) < set(pieces.tolist()) < set(range(V))
    # 56 pieces outside the core, of which 10 stand for all.
    expected = [1.0 if piece in CORE else 5.6 for piece in pieces.tolist()]
    torch.testing.assert_close(multiplicity, torch.tensor(expected))


def test_a_draw_is_a_function_of_seed_and_step():
    torch.manual_seed(0)
    first = draw(step=5)
    torch.manual_seed(1)
    state = torch.get_rng_state()
    sampler = PieceSampler(CORE_V, 10, 1)
    for step in (9, 5):  # the draws before do not matter
        again = sampler.draw(step)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert torch.equal(torch.get_rng_state(), state)
    assert not torch.equal(draw(step=6)[0], first[0])
    assert not torch.equal(draw(step=5, seed=2)[0], first[0])


def test_a_sum_over_the_draw_is_unbiased():
    values_V = torch.rand(V, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    sampler = PieceSampler(CORE_V, 10, 1)
    sums = torch.tensor(
        [(values_V[pieces] * count).sum() for pieces, count in map(sampler.draw, range(4000))], dtype=torch.float64
    )
    # A sum of 10 of 56 values times 5.6 has deviation 5.6 * sqrt(10 * .083 * (1 - 10/56)) = 4.6;
    # the mean of 4,000 draws .073. Five of those:
    assert abs(sums.mean() - values_V.sum()) < 0.37
    # Leaving the factor out would be off by far more.
    assert values_V.sum() * (1 - 14 / V) > 10
    assert sums.std() > 1


def test_sample_zero_or_as_many_as_there_are_gives_everything():
    for sample in (0, 56, 57, 1000):
        pieces, multiplicity = draw(sample=sample)
        assert pieces.tolist() == list(range(V))
        assert multiplicity.tolist() == [1.0] * V


def test_an_empty_core_and_a_full_one():
    pieces, multiplicity = PieceSampler(torch.zeros(V, dtype=torch.bool), 6, 1).draw(0)
    assert len(pieces) == 6
    assert multiplicity.tolist() == [10.0] * 6
    pieces, multiplicity = PieceSampler(torch.ones(V, dtype=torch.bool), 6, 1).draw(0)
    assert pieces.tolist() == list(range(V))
    assert multiplicity.tolist() == [1.0] * V
