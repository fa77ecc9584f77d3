"""What occurrences change, worked out by hand, and the same in every shape it is asked for."""

import math
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from kosplade.model import Counting, Occurrences
from kosplade.model.occurrences import counting_of, served_counting
from kosplade.params import load_params

ROOT = Path(__file__).parents[2]
# Five pieces: 0 pads, 4 is not served. IDF 0, 1, 2, 4, 0.
QUERY_WEIGHT_V = torch.tensor([0.0, 1.0, 2.0, 4.0, 0.0])
COUNTING = Counting(k1=1.0, b=0.5, mean_length=4.0, floor_per_idf=0.25)
IDS, MASK = torch.tensor([[1, 1, 3, 4], [2, 3, 0, 0]]), torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]])
WEIGHTS = torch.tensor([[0.5, 2.0, 0.7, 0.1, 0.0], [0.0, 0.6, 0.2, 3.0, 0.4]])


def test_hand_computed_values():
    # First text: 4 pieces, the mean, so the norm is k1 = 1. Piece 1 twice: factor 2 * 2 / (2 + 1) = 4/3, once: 1.
    # Second: 2 pieces, norm 1 - .5 + .5 * 2 / 4 = .75: 2 / 1.75, of what it lacks too. Floors .25, .5, 1 for 1, 2, 3.
    expected = torch.tensor(
        [[0.5, 2.0 * 4 / 3, 0.7, 1.0, 0.0], [0.0, 0.6 * 2 / 1.75, 0.5 * 2 / 1.75, 3.0 * 2 / 1.75, 0.4 * 2 / 1.75]]
    )
    torch.testing.assert_close(Occurrences(COUNTING, QUERY_WEIGHT_V)(WEIGHTS, IDS, MASK), expected)


def test_small_expansions_are_dropped_and_own_pieces_never():
    # Limits .8 and .4: of 2 in the first text, where the largest weight is not served, and of 1 in the second.
    weights = torch.tensor([[0.5, 2.0, 0.7, 0.1, 9.0], [0.4, 0.6, 0.2, 1.0, 0.0]])
    counting = Counting(k1=0.0, least=0.4)
    ids, mask = torch.tensor([[3, 3], [2, 0]]), torch.tensor([[1, 1], [1, 0]])
    expected = torch.tensor([[0.0, 2.0, 0.0, 0.1, 9.0], [0.4, 0.6, 0.2, 1.0, 0.0]])
    assert torch.equal(Occurrences(counting, QUERY_WEIGHT_V)(weights, ids, mask), expected)


def test_some_pieces_are_a_selection_of_all():
    occurrences, pieces_P = Occurrences(COUNTING, QUERY_WEIGHT_V), torch.tensor([1, 3])
    whole = occurrences(WEIGHTS, IDS, MASK)
    torch.testing.assert_close(occurrences(WEIGHTS[:, pieces_P], IDS, MASK, pieces_P), whole[:, pieces_P])


def test_padding_on_either_side_changes_nothing():
    occurrences = Occurrences(COUNTING, QUERY_WEIGHT_V)
    expected = occurrences(WEIGHTS[1:], torch.tensor([[2, 3]]), torch.tensor([[1, 1]]))
    for ids, mask in (([[2, 3, 0, 2]], [[1, 1, 0, 0]]), ([[3, 0, 2, 3]], [[0, 0, 1, 1]])):
        assert torch.equal(occurrences(WEIGHTS[1:], torch.tensor(ids), torch.tensor(mask)), expected)


def test_without_counting_weights_stay_as_they_are():
    assert torch.equal(Occurrences(Counting(), QUERY_WEIGHT_V)(WEIGHTS, IDS, MASK), WEIGHTS)


def test_the_gradient_is_the_factor_and_stops_under_the_floor():
    weights = WEIGHTS.clone().requires_grad_()
    Occurrences(COUNTING, QUERY_WEIGHT_V)(weights, IDS, MASK).sum().backward()
    # Piece 3 of the first text and piece 2 of the second lie under their floors.
    expected = torch.tensor([[1.0, 4 / 3, 1.0, 0.0, 1.0], [2 / 1.75, 2 / 1.75, 0.0, 2 / 1.75, 2 / 1.75]])
    torch.testing.assert_close(weights.grad, expected)


@pytest.mark.parametrize("repeated", [1, 3, 100])
def test_own_weight_one_is_the_document_s_share_of_bm25(repeated):
    length, k1, b, mean = repeated + 2, 0.9, 0.4, 7.0
    occurrences = Occurrences(Counting(k1, b, mean), torch.ones(3))
    ids = torch.tensor([[1] * repeated + [2, 2]])
    found = occurrences(torch.ones(1, 3), ids, torch.ones_like(ids))[0, 1].item()
    assert math.isclose(found, repeated * (k1 + 1) / (repeated + k1 * (1 - b + b * length / mean)), rel_tol=1e-6)


def test_settings_of_the_recipe_and_v24_has_no_idf():
    tables = SimpleNamespace(mean_length=80.0, idf_V=torch.tensor([0.5, 8.0]))
    params = load_params(ROOT / "params.yaml")
    own = params.occurrences.model_copy(update={"k1": 0.5, "b": 0.25, "floor": 2.0, "least": 0.1, "query_idf": 0.5})
    params = params.model_copy(update={"occurrences": own})
    assert counting_of(params, tables) == Counting(0.5, 0.25, 80.0, floor_per_idf=0.25)
    assert served_counting(params, tables) == Counting(0.5, 0.25, 80.0, floor_per_idf=0.25, least=0.1, query_idf=0.5)
    plain = params.model_copy(update={"loss": params.loss.model_copy(update={"idf_weighting": False})})
    assert counting_of(plain, tables) == Counting(0.5, 0.25, 80.0)
    assert served_counting(plain, tables) == Counting(0.5, 0.25, 80.0, least=0.1)
    # A text is read so far and no further.
    short = params.model_copy(update={"model": params.model.model_copy(update={"max_document_length": 32})})
    assert counting_of(short, tables).mean_length == 32
