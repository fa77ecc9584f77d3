"""Every term of the loss: a value worked out by hand, a gradient that is there, and gradcheck in double precision."""

from math import exp, log

import pytest
import torch

from kosplade.training import losses

D = torch.float64
# Two queries; columns 0 and 1 are their positives, column 2 is a further document.
SCORES = [[2.0, 1.0, 0.0], [0.0, 0.0, 0.0]]
TEACHER = [[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
WEIGHTS = [[3.0, 0.5, 0.0], [1.0, 0.25, 0.0]]


def tensor(rows, requires_grad=False) -> torch.Tensor:
    return torch.tensor(rows, dtype=D, requires_grad=requires_grad)


def gradient(term, rows) -> list:
    leaf = tensor(rows, requires_grad=True)
    term(leaf).backward()
    return leaf.grad.tolist()


def test_infonce():
    # Row 0: ln(e^2 + e + 1) - 2 = .407606; row 1: ln 3 - 0 = 1.098612; mean .753109.
    expected = ((log(exp(2) + exp(1) + 1) - 2) + log(3)) / 2
    assert expected == pytest.approx(0.753109, abs=1e-6)
    assert losses.infonce(tensor(SCORES)).item() == pytest.approx(expected)
    # Gradient (softmax - one at the positive) / 2: row 1 is (1/3, 1/3 - 1, 1/3) / 2.
    assert gradient(losses.infonce, SCORES)[1] == pytest.approx([1 / 6, -1 / 3, 1 / 6])


def test_distillation():
    # Row 1: both uniform, 0. Row 0: teacher t = (e, 1, 1) / (e + 2), student s = (e^2, e, 1) / (e^2 + e + 1),
    # KL = sum t ln(t / s); the mean over two queries halves it.
    t = [exp(1) / (exp(1) + 2), 1 / (exp(1) + 2), 1 / (exp(1) + 2)]
    s = [exp(x) / (exp(2) + exp(1) + 1) for x in (2, 1, 0)]
    expected = sum(a * log(a / b) for a, b in zip(t, s, strict=True)) / 2
    assert expected == pytest.approx(0.034051, abs=1e-6)
    assert losses.distillation(tensor(SCORES), tensor(TEACHER)).item() == pytest.approx(expected)
    # Gradient (s - t) / 2.
    grads = gradient(lambda x: losses.distillation(x, tensor(TEACHER)), SCORES)
    assert grads[0] == pytest.approx([(b - a) / 2 for a, b in zip(t, s, strict=True)])
    assert grads[1] == pytest.approx([0, 0, 0])


def test_distillation_is_zero_where_the_student_is_the_teacher():
    shifted = tensor(SCORES) + 7.0  # a softmax does not see a shift
    assert losses.distillation(shifted, tensor(SCORES)).item() == pytest.approx(0, abs=1e-12)


def test_flops():
    # Means over the two texts 2, .375, 0; squares 4, .140625, 0; penalties 1, 2, 5: 4 + .28125 = 4.28125.
    penalty = tensor([1.0, 2.0, 5.0])
    assert losses.flops(tensor(WEIGHTS), penalty).item() == 4.28125
    # d/dx_bv = 2 * penalty * mean / 2 texts: 2, .75, 0.
    assert gradient(lambda x: losses.flops(x, penalty), WEIGHTS) == [[2.0, 0.75, 0.0]] * 2


def test_margin_looks_at_the_querys_own_negatives():
    # B = 2, H = 2: columns 2, 3 belong to query 0 and 4, 5 to query 1. Size 1.
    scores = [[3.0, 9.0, 2.5, 0.0, 9.0, 9.0], [9.0, 1.0, 9.0, 9.0, 1.0, 4.0]]
    # Query 0: relu(1 - 3 + 2.5) = .5, relu(1 - 3 + 0) = 0; query 1: relu(1 - 1 + 1) = 1, relu(1 - 1 + 4) = 4.
    assert losses.margin(tensor(scores), 2, 1.0).item() == (0.5 + 0 + 1 + 4) / 4
    # A quarter for each active pair; the positive of query 1 is in two of them.
    assert gradient(lambda x: losses.margin(x, 2, 1.0), scores) == [
        [-0.25, 0, 0.25, 0, 0, 0],
        [0, -0.5, 0, 0, 0.25, 0.25],
    ]


def test_reach():
    wanted = torch.tensor([[True, True, False], [False, True, True]])  # at weight 1
    # Text 0: relu(1 - 3) = 0, relu(1 - .5) = .5; text 1: .75, 1. Sum 2.25 over 4 wanted.
    assert losses.reach(tensor(WEIGHTS), wanted).item() == 0.5625
    # It stops paying once the piece is there (3.0) and never asks for what is not wanted.
    assert gradient(lambda x: losses.reach(x, wanted), WEIGHTS) == [[0, -0.25, 0], [0, -0.25, -0.25]]
    # Each entry has a target of its own: 3.5 - 3 = .5, .4 is reached; .4 - .25 = .15, 2 - 0. Sum 2.65 over 4.
    targets = tensor([[3.5, 0.4, 0.0], [0.0, 0.4, 2.0]])
    assert losses.reach(tensor(WEIGHTS), targets).item() == pytest.approx(0.6625)
    assert gradient(lambda x: losses.reach(x, targets), WEIGHTS) == [[-0.25, 0, 0], [0, -0.25, -0.25]]


def test_reach_without_anything_wanted_is_zero():
    assert losses.reach(tensor(WEIGHTS), torch.zeros(2, 3, dtype=torch.bool)).item() == 0


def test_min_activation():
    # Top 2: means 1.75 and .625; floor 1: 0 and .375; mean .1875.
    assert losses.min_activation(tensor(WEIGHTS), 2, 1.0).item() == 0.1875
    # Text 1 alone: -1/2 a text, 1/2 a piece.
    assert gradient(lambda x: losses.min_activation(x, 2, 1.0), WEIGHTS) == [[0, 0, 0], [-0.25, -0.25, 0]]
    # More than there are: all three, means 3.5 / 3 and 1.25 / 3; floor 1: 0 and 1.75 / 3.
    assert losses.min_activation(tensor(WEIGHTS), 99, 1.0).item() == pytest.approx(1.75 / 6)


@pytest.mark.parametrize(
    ("term", "shape"),
    [
        (losses.infonce, (3, 5)),
        (lambda x: losses.distillation(x, tensor([[1.0, 0.0, 2.0]]).expand(3, 3)), (3, 3)),
        (lambda x: losses.flops(x, tensor([1.0, 2.0, 0.5, 3.0])), (3, 4)),
        (lambda x: losses.margin(x, 2, 1.0), (2, 6)),
        (lambda x: losses.reach(x, torch.eye(3, 4, dtype=torch.bool)), (3, 4)),
        (lambda x: losses.min_activation(x, 2, 1.0), (3, 4)),
    ],
)
def test_gradcheck(term, shape):
    x = torch.rand(shape, dtype=D, generator=torch.Generator().manual_seed(0), requires_grad=True)
    assert torch.autograd.grad(term(x), x)[0].abs().sum() > 0
    assert torch.autograd.gradcheck(term, (x,))


# Pieces: 0 masked and very common, 1 common, 2 in between, 3 rare, 4 unseen, 5 masked and unseen.
IDF = [0.1, 1.0, 2.0, 3.0, 9.0, 9.0]
FREQUENCY = [90, 40, 20, 10, 0, 0]
STOPWORD = [True, False, False, False, False, True]


def penalties(
    mask=True, idf_weighting=True, stopword_penalty=5.0, idf=IDF, functional=(0.0,) * 6, functional_penalty=3.0
) -> torch.Tensor:
    return losses.flops_penalty(
        torch.tensor(idf),
        torch.tensor(FREQUENCY),
        torch.tensor(STOPWORD) if mask else None,
        torch.tensor(functional),
        idf_weighting=idf_weighting,
        idf_alpha=2.5,
        stopword_penalty=stopword_penalty,
        functional_penalty=functional_penalty,
    )


def test_penalty_by_hand():
    penalty = penalties()
    assert penalty.dtype == torch.float32
    # min 1 and max 3 come from pieces 1 to 3: e^0, e^(-2.5 / 2), e^-2.5. Piece 0 lies under min: e^0 times 5.
    # Unseen 1, unseen and masked 5.
    assert penalty.tolist() == pytest.approx([5, 1, exp(-1.25), exp(-2.5), 1, 5])


def test_masked_and_unseen_pieces_do_not_move_the_others():
    moved = penalties(idf=[-5.0, 1.0, 2.0, 3.0, 50.0, 70.0])
    assert moved.tolist() == penalties().tolist()
    # A piece that takes part does move them.
    assert penalties(idf=[0.1, 1.0, 2.0, 4.0, 9.0, 9.0])[2] != penalties()[2]


def test_without_a_mask_the_common_particle_takes_part():
    # min is now .1: (1 - .1) / 2.9, (2 - .1) / 2.9, 1; unseen 1.
    expected = [1, exp(-2.5 * 0.9 / 2.9), exp(-2.5 * 1.9 / 2.9), exp(-2.5), 1, 1]
    assert penalties(mask=False).tolist() == pytest.approx(expected)


def test_the_masks_factor():
    ratio = penalties(stopword_penalty=15.0) / penalties(stopword_penalty=1.0)
    assert ratio.tolist() == pytest.approx([15, 1, 1, 1, 1, 15])


def test_grammar_costs_by_its_share_beside_a_mask():
    # A masked piece costs its own factor alone; 1 + 2 * share for the others.
    ratio = penalties(functional=(1.0, 1.0, 0.5, 0.0, 0.0, 0.0)) / penalties()
    assert ratio.tolist() == pytest.approx([1, 3, 2, 1, 1, 1])
    assert torch.equal(penalties(mask=False, functional=(1.0,) * 6), penalties(mask=False))


def test_without_idf_every_piece_costs_the_same():
    assert penalties(mask=False, idf_weighting=False).tolist() == [1] * 6
    assert penalties(idf_weighting=False).tolist() == [5, 1, 1, 1, 1, 5]


def test_equal_idf_everywhere_is_no_division_by_zero():
    penalty = losses.flops_penalty(
        torch.full((3,), 2.0),
        torch.ones(3),
        None,
        torch.zeros(3),
        idf_weighting=True,
        idf_alpha=2.5,
        stopword_penalty=5.0,
        functional_penalty=1.0,
    )
    assert penalty.tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("step", "steps", "factor"),
    [(0, 10, 0.0), (1, 10, 0.01), (5, 10, 0.25), (10, 10, 1.0), (25, 10, 1.0), (0, 0, 1.0), (3, 0, 1.0)],
)
def test_quadratic_warmup(step, steps, factor):
    assert losses.quadratic_warmup(step, steps) == pytest.approx(factor)
