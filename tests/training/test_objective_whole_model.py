"""Loss and gradients of a whole model equal those from its full logits."""

import copy
from math import exp

import pytest
import torch
from objective_recipes import TERMS, V24, D, recipe, step_of

from kosplade.model import Counting, Occurrences, SparseEncoder
from kosplade.training.objective import Objective
from kosplade.training.sampler import PieceSampler
from kosplade.training.trainer import TOWERS, TwoTower
from kosplade.vocab.tables import Tables


def plain_weights(mlm, ids, mask):
    logits = mlm(ids, mask).logits.masked_fill(~mask.bool().unsqueeze(2), -torch.inf)
    return torch.log1p(torch.relu(logits.max(dim=1).values))


def plain_loss(mlm, batch, recipe, tables, lambda_flops, factor):
    """The whole objective from full logits, text by text."""
    idf, frequency, stopword, special = tables
    query = plain_weights(mlm, batch["query_ids"], batch["query_mask"])
    document = plain_weights(mlm, batch["document_ids"], batch["document_mask"])
    masked = stopword if recipe.stopword_mask else torch.zeros(40, dtype=torch.bool)
    served = ~(masked | special)
    own_q = [set(row[keep.bool()].tolist()) for row, keep in zip(batch["query_ids"], batch["query_mask"], strict=True)]
    own_d = [
        set(row[keep.bool()].tolist()) for row, keep in zip(batch["document_ids"], batch["document_mask"], strict=True)
    ]

    ranked = (frequency > 0) & ~masked
    low, high = idf[ranked].min(), idf[ranked].max()
    penalty = []
    for v in range(40):
        share = min(max((idf[v] - low) / (high - low), 0), 1)
        cost = exp(-2.5 * share) if recipe.idf_weighting and frequency[v] > 0 else 1.0
        penalty.append(cost * (5.0 if masked[v] else 1.0))
    flops = sum(p * (x[:, v].mean() ** 2) for x in (query, document) for v, p in enumerate(penalty))

    def weight(v):
        return (idf[v] if recipe.idf_weighting else 1.0) * served[v]

    free = (
        torch.stack([torch.stack([sum(weight(v) * d[v] for v in own) for d in document]) for own in own_q])
        / recipe.temperature_inference_free
    )
    encoded = torch.stack([torch.stack([(q * d)[served].sum() for d in document]) for q in query])
    encoded = encoded / recipe.temperature_encoded
    target = torch.softmax(batch["teacher"] / recipe.teacher_temperature, dim=1)
    count = len(query)

    def nce(scores):
        return -sum(torch.log_softmax(scores[i], 0)[i] for i in range(count)) / count

    def kl(scores):
        return (target * (target.log() - torch.log_softmax(scores, 1))).sum() / count

    hard = len(document) // count - 1
    gaps = [
        torch.relu(recipe.margin_size - free[i, i] + free[i, count + i * hard + k])
        for i in range(count)
        for k in range(hard)
    ]
    present = [torch.relu(1 - document[i, v]) for i in range(count) for v in own_q[i] if served[v]]
    own = [torch.relu(1 - document[i, v]) for i in range(len(document)) for v in own_d[i] if served[v]]
    wanted = zip(batch["document_morpheme_ids"].tolist(), batch["document_morpheme_targets"].tolist(), strict=True)
    asked = [dict(sorted(zip(*row, strict=True), key=lambda pair: pair[1])) for row in wanted]  # of two the larger
    missing = [torch.relu(asked[i][v] - document[i, v]) for i in range(len(document)) for v in asked[i] if served[v]]
    tops = [d[served].sort(descending=True).values[: recipe.min_activation_top_k].mean() for d in document]
    low_tops = [torch.relu(recipe.min_activation_floor - top) for top in tops]
    return (
        lambda_flops * factor * flops
        + recipe.infonce_inference_free * nce(free)
        + recipe.infonce_encoded * nce(encoded)
        + recipe.distillation * (kl(free) + kl(encoded)) / 2
        + recipe.margin * sum(gaps) / len(gaps)
        + recipe.positive * sum(present) / len(present)
        + recipe.self_reconstruction * sum(own) / len(own)
        + recipe.morphemes * sum(missing) / len(missing)
        + recipe.min_activation * sum(low_tops) / len(low_tops)
    )


@pytest.mark.parametrize("changes", [{}, V24])
def test_loss_and_gradients_equal_those_from_full_logits(tiny_mlm, changes):
    generator = torch.Generator().manual_seed(7)
    batch = {}
    for side, count, length in (("query", 3, 6), ("document", 9, 10)):
        ids = torch.randint(5, 40, (count, length), generator=generator)
        lengths = torch.randint(3, length + 1, (count, 1), generator=generator)
        mask = (torch.arange(length) < lengths).long()
        ids[:, 0] = 0
        batch[f"{side}_ids"] = torch.where(mask.bool(), ids, 1)
        batch[f"{side}_mask"] = mask
    batch["teacher"] = torch.rand(3, 9, generator=generator, dtype=D)
    batch["document_morpheme_ids"] = torch.randint(5, 40, (9, 4), generator=generator)
    batch["document_morpheme_targets"] = 1 + torch.rand(9, 4, generator=generator)
    frequency = torch.randint(0, 4, (40,), generator=generator)
    idf = torch.rand(40, generator=generator, dtype=D) * 3
    special = torch.arange(40) < 5
    stopword = torch.arange(40) < 12
    tables = (idf, frequency, stopword, special)
    params = recipe(0.02, **{name: 0.3 + 0.1 * place for place, name in enumerate(TERMS)}, **changes)

    mlm = tiny_mlm().double().eval()
    reference = copy.deepcopy(mlm)
    expected = plain_loss(reference, batch, params.loss, tables, 0.02, 0.5)
    expected.backward()

    encoder = SparseEncoder(mlm)
    pieces, multiplicity = PieceSampler(special | stopword, 0, 1).draw(0)
    towers = {key: batch[key] for key in TOWERS}
    no_occurrences = Occurrences(Counting(), torch.zeros(40))
    query, document = TwoTower(encoder, no_occurrences)(**towers, pieces_P=pieces)
    it = Objective(params, Tables(*tables, hangul_V=special, functional_V=torch.zeros(40), mean_length=8.0))
    loss, _ = it(step_of(query, document, batch, pieces, 40), pieces, multiplicity, 0.5)
    loss.backward()

    assert loss.item() == pytest.approx(expected.item(), rel=1e-9)
    with encoder.whole() as whole:
        actual = dict(whole.named_parameters())
    assert actual.keys() == dict(reference.named_parameters()).keys()
    for name, parameter in reference.named_parameters():
        assert parameter.grad is not None, name
        torch.testing.assert_close(actual[name].grad, parameter.grad, rtol=1e-8, atol=1e-10)
    # All of the model learns, the embeddings through both ends.
    assert min(p.grad.abs().max() for name, p in reference.named_parameters() if "key.bias" not in name) > 1e-6
