"""The objective: its terms by hand, and the two recipes."""

from math import exp, log

import pytest
import torch
from objective_recipes import OFF, TERMS, V24, D, recipe, step_of

from kosplade.params import LossParams
from kosplade.training.objective import Objective
from kosplade.vocab.tables import Tables, served_weights

# Pieces: 0 <s>, 1 <pad>, 2 </s>, 3 a masked particle, 4 to 6 words, 7 a word that no text has.
IDF = torch.tensor([9.0, 9.0, 9.0, 0.1, 1.0, 2.0, 3.0, 9.0], dtype=D)
FREQUENCY = torch.tensor([0, 0, 0, 9, 4, 2, 1, 0])
SPECIAL = torch.arange(8) < 3
STOPWORD = torch.arange(8) < 4
TABLES = Tables(
    IDF,
    FREQUENCY,
    STOPWORD,
    SPECIAL,
    hangul_V=torch.zeros(8, dtype=torch.bool),
    functional_V=torch.zeros(8),
    mean_length=4.0,
)
ALL = torch.arange(8)
ONES = torch.ones(8)

BATCH = {
    "query_ids": torch.tensor([[0, 4, 3, 2, 1], [0, 5, 5, 2, 1]]),
    "query_mask": torch.tensor([[1, 1, 1, 1, 0], [1, 1, 1, 1, 0]]),
    "document_ids": torch.tensor([[0, 4, 2, 1], [0, 6, 3, 2]]),
    "document_mask": torch.tensor([[1, 1, 1, 0], [1, 1, 1, 1]]),
    "document_morpheme_ids": torch.tensor([[4, 7], [3, 0]]),
    "document_morpheme_targets": torch.tensor([[1.5, 1.0], [1.0, 0.0]]),
    "teacher": torch.tensor([[0.9, 0.4], [0.6, 0.6]], dtype=D),
}
#                          <s>  pad </s>   3    4    5    6    7
QUERY = torch.tensor([[1.0, 0.0, 0.0, 2.0, 1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 3.0, 0.0, 1.0, 0.0, 0.0]], dtype=D)
DOCUMENT = torch.tensor([[4.0, 0.0, 0.0, 5.0, 1.0, 0.5, 0.0, 0.0], [0.0, 0.0, 0.0, 0.5, 0.0, 2.0, 3.0, 0.0]], dtype=D)


def objective(lambda_flops=0.0, **changes) -> Objective:
    return Objective(recipe(lambda_flops, **changes), TABLES)


def compute(
    it: Objective, query=QUERY, document=DOCUMENT, batch=BATCH, pieces=ALL, multiplicity=ONES, factor=1.0, known=None
):
    return it(step_of(query, document, batch, pieces, known=known), pieces, multiplicity, factor)


def test_weights_of_an_inference_free_query():
    weight_V, unserved_V = served_weights(OFF, IDF, STOPWORD, SPECIAL)
    assert weight_V.tolist() == [0, 0, 0, 0, 1, 2, 3, 9]
    assert torch.equal(unserved_V, STOPWORD)


def test_v24_weighs_every_piece_1_and_hides_special_pieces_only():
    weight_V, unserved_V = served_weights(OFF.model_copy(update=V24), IDF, STOPWORD, SPECIAL)
    assert weight_V.tolist() == [0, 0, 0, 1, 1, 1, 1, 1]
    assert torch.equal(unserved_V, SPECIAL)


def test_encoded_queries_add_a_share_of_their_idf_and_its_temperature():
    plain = compute(objective(infonce_encoded=1.0))[1]["infonce_encoded"]
    it = objective(query_idf=0.5, infonce_encoded=1.0)
    # Queries hold 4 (IDF 1), 5 (IDF 2): served weights 1 + .5 and 1 + 1 there, against documents (1, .5, 0), (0, 2, 3).
    # Temperatures: 1 for the encoder, .5 of 2 beside it.
    found = compute(it)[1]["infonce_encoded"].item()
    assert found == pytest.approx(infonce((1.5 / 2, 0), (2 * 0.5 / 2, 2 * 2 / 2)))
    assert found != pytest.approx(plain.item())


def infonce(row_0, row_1) -> float:
    """Cross-entropy of the first entry of row 0 and the second of row 1."""
    loss_0 = log(exp(row_0[0]) + exp(row_0[1])) - row_0[0]
    loss_1 = log(exp(row_1[0]) + exp(row_1[1])) - row_1[1]
    return (loss_0 + loss_1) / 2


def test_infonce_inference_free_by_hand():
    # Query 0 has 4 (idf 1) and 3 (masked); query 1 has 5 (idf 2), twice but counted once. Temperature 2:
    # (1 * 1, 1 * 0) / 2 and (2 * .5, 2 * 2) / 2.
    _, terms = compute(objective(infonce_inference_free=1.0))
    assert terms["infonce_inference_free"].item() == pytest.approx(infonce((0.5, 0), (0.5, 2)))


def test_infonce_inference_free_of_v24_by_hand():
    # 3 and 4 weigh 1: (5 + 1, .5 + 0) / 2; 5 weighs 1: (.5, 2) / 2.
    _, terms = compute(objective(infonce_inference_free=1.0, **V24))
    assert terms["infonce_inference_free"].item() == pytest.approx(infonce((3, 0.25), (0.25, 1)))


def test_infonce_encoded_by_hand():
    # Masked 3 and the special pieces are left out: (1 * 1, 0) and (1 * .5, 1 * 2).
    _, terms = compute(objective(infonce_encoded=1.0))
    assert terms["infonce_encoded"].item() == pytest.approx(infonce((1, 0), (0.5, 2)))
    # V24 has 3 as well: (2 * 5 + 1, 2 * .5) and (3 * 5 + .5, 3 * .5 + 2).
    _, terms = compute(objective(infonce_encoded=1.0, **V24))
    assert terms["infonce_encoded"].item() == pytest.approx(infonce((11, 1), (15.5, 3.5)))


def test_flops_by_hand():
    # Mean weights of the documents: <s> 2, 3 2.75, 4 .5, 5 1.25, 6 1.5.
    # Penalties: <s> masked and unseen 5; 3 masked 5; 4, 5, 6 e^0, e^-1.25, e^-2.5.
    loss, terms = compute(objective(lambda_flops=0.01), factor=0.25)
    document = 5 * 4 + 5 * 7.5625 + 0.25 + exp(-1.25) * 1.5625 + exp(-2.5) * 2.25
    # Queries: <s> .5, 3 2.5, 4 .5, 5 .5.
    query = 5 * 0.25 + 5 * 6.25 + 0.25 + exp(-1.25) * 0.25
    assert terms["flops_document"].item() == pytest.approx(document, rel=1e-6)
    assert terms["flops_query"].item() == pytest.approx(query, rel=1e-6)
    assert loss.item() == pytest.approx(0.01 * 0.25 * (document + query), rel=1e-6)


def test_flops_of_v24_is_uniform():
    _, terms = compute(objective(lambda_flops=0.01, **V24))
    # 4 + 7.5625 + .25 + 1.5625 + 2.25 and .25 + 6.25 + .25 + .25
    assert terms["flops_document"].item() == 15.625
    assert terms["flops_query"].item() == 7.0


def test_a_sampled_piece_counts_as_often_as_it_stands_for():
    # Pieces 3 and 5, 5 for three pieces: documents 7.5625 + 3 * 1.5625, queries 6.25 + 3 * .25.
    part = torch.tensor([3, 5])
    it = objective(lambda_flops=0.01, **V24)
    _, terms = compute(it, QUERY[:, part], DOCUMENT[:, part], pieces=part, multiplicity=torch.tensor([1.0, 3.0]))
    assert terms["flops_document"].item() == 12.25
    assert terms["flops_query"].item() == 7.0


def test_distillation_by_hand():
    # Teacher / .5: (1.8, .8) and (1.2, 1.2). Students: (.5, 0), (.5, 2) and (1, 0), (.5, 2).
    def kl(teacher, student):
        p, q = ([exp(x) / sum(map(exp, row)) for x in row] for row in (teacher, student))
        return sum(a * log(a / b) for a, b in zip(p, q, strict=True))

    free = (kl((1.8, 0.8), (0.5, 0)) + kl((1.2, 1.2), (0.5, 2))) / 2
    encoded = (kl((1.8, 0.8), (1, 0)) + kl((1.2, 1.2), (0.5, 2))) / 2
    _, terms = compute(objective(distillation=1.0))
    assert terms["distillation"].item() == pytest.approx((free + encoded) / 2)


KNOWN = torch.tensor([[False, True, True, False], [False, False, False, True]])


def test_a_known_answer_is_no_negative_in_any_term():
    """Documents: two positives, then a hard negative of each query. Query 0 has one document left, its own; query 1
    keeps the positive of query 0 and the negative of query 0.
    """
    batch, documents = with_negatives(BATCH), torch.cat([DOCUMENT, DOCUMENT.flip(0)])
    it = objective(infonce_inference_free=1.0, infonce_encoded=1.0, distillation=1.0, margin=1.0)
    _, terms = compute(it, document=documents, batch=batch, known=KNOWN)
    # Inference-free scores over temperature 2: query 0 (.5, 0, 0, .5), query 1 (.5, 2, 2, .5).
    free_0 = log(exp(0.5) + exp(0.5)) - 0.5
    free_1 = log(exp(0.5) + exp(2) + exp(2)) - 2
    assert terms["infonce_inference_free"].item() == pytest.approx((free_0 + free_1) / 2)
    # Encoded: query 0 (1, 0, 0, 1), query 1 (.5, 2, 2, .5).
    encoded_0 = log(exp(1) + exp(1)) - 1
    assert terms["infonce_encoded"].item() == pytest.approx((encoded_0 + free_1) / 2)
    # The hard negative of each is a known answer: nothing to keep away from.
    assert terms["margin"].item() == 0
    assert torch.isfinite(terms["distillation"])


def test_what_is_known_to_answer_gets_no_gradient_from_its_query():
    documents = torch.cat([DOCUMENT, DOCUMENT.flip(0)])
    it = objective(infonce_inference_free=1.0, infonce_encoded=1.0, distillation=1.0, margin=1.0)
    known = torch.ones(2, 4, dtype=torch.bool).fill_diagonal_(False)  # whatever is not the own positive
    for document in (documents, documents.clone().mul_(torch.tensor([[1.0], [1.0], [7.0], [9.0]], dtype=D))):
        document.requires_grad_()
        loss, terms = compute(it, document=document, batch=with_negatives(BATCH), known=known)
        loss.backward()
        assert terms["infonce_inference_free"].item() == terms["infonce_encoded"].item() == 0
        assert terms["distillation"].item() == 0
        assert document.grad.abs().sum().item() == 0


def test_margin_by_hand():
    # One hard negative a query. Inference-free scores over temperature 2: positives 1 * 1 / 2 = .5 and 2 * 2 / 2 = 2,
    # negatives 1 * 3 / 2 = 1.5 for query 0 and 2 * .25 / 2 = .25 for query 1.
    # relu(1 - .5 + 1.5) = 2 and relu(1 - 2 + .25) = 0: mean 1.
    negatives = torch.tensor([[0.0] * 4 + [3.0, 9.0, 0, 0], [0.0] * 4 + [9.0, 0.25, 0, 0]], dtype=D)
    _, terms = compute(objective(margin=1.0), document=torch.cat([DOCUMENT, negatives]), batch=with_negatives(BATCH))
    assert terms["margin"].item() == 1.0


def test_positive_and_self_reconstruction_by_hand():
    # The query's unmasked pieces in its positive: 4 at 1, 5 at 2: nothing missing. With 4 at .25: .75 over 2 wanted.
    document = DOCUMENT.clone()
    document[0, 4] = 0.25
    it = objective(positive=1.0, self_reconstruction=1.0)
    assert compute(it)[1]["positive"].item() == 0
    _, terms = compute(it, document=document)
    assert terms["positive"].item() == 0.375
    # The documents' own: 4 in the first (.25 of 1), 6 in the second (3): .75 over 2.
    assert terms["self_reconstruction"].item() == 0.375


def test_morphemes_by_hand():
    # The first document wants 4 at 1.5 (it has 1) and 7 at 1 (it has 0); the second wants masked 3, which does not
    # count, and pads with piece 0, which nobody wants: 1.5 over 2.
    _, terms = compute(objective(morphemes=1.0))
    assert terms["morphemes"].item() == 0.75


def test_min_activation_by_hand():
    # Top 2 of what is served: (1 + .5) / 2 = .75 and (2 + 3) / 2 = 2.5; floor 2: 1.25 and 0; mean .625.
    _, terms = compute(objective(min_activation=1.0))
    assert terms["min_activation"].item() == 0.625


def with_negatives(batch: dict) -> dict:
    batch = dict(batch)
    for key in [key for key in batch if key.startswith("document")]:
        batch[key] = torch.cat([batch[key], batch[key].flip(0)])
    batch["teacher"] = torch.cat([batch["teacher"], batch["teacher"] / 2], dim=1)
    return batch


@pytest.mark.parametrize("name", TERMS)
def test_an_option_adds_its_weighted_term_and_a_gradient(name):
    documents = torch.cat([DOCUMENT, DOCUMENT.flip(0) * 0.9]) * 0.5

    def run(**changes):
        document = documents.clone().requires_grad_()
        loss, terms = compute(objective(lambda_flops=0.01, **changes), document=document, batch=with_negatives(BATCH))
        loss.backward()
        return loss.item(), terms, document.grad

    loss, terms, grad = run()
    loss_1, terms_1, grad_1 = run(**{name: 0.5})
    loss_2, terms_2, grad_2 = run(**{name: 1.5})
    assert name not in terms
    assert terms_1[name].item() == terms_2[name].item() > 0
    assert loss_1 == pytest.approx(loss + 0.5 * terms_1[name].item())
    assert loss_2 == pytest.approx(loss + 1.5 * terms_1[name].item())
    assert (grad_1 - grad).abs().sum() > 0
    torch.testing.assert_close(grad_2 - grad, 3 * (grad_1 - grad))
    assert not terms_1[name].requires_grad


def test_every_option_of_the_loss_is_tested_here():
    settings = {"margin_size", "min_activation_top_k", "min_activation_floor", *V24}
    settings |= {"teacher_temperature", "teacher_lexical"}  # tests/teacher/test_scores.py
    settings |= {"idf_prior"}  # tests/stages/test_idf.py
    settings |= {"functional_penalty"}  # tests/training/test_losses.py
    settings |= {"temperature_inference_free", "temperature_encoded", "query_idf"}
    assert LossParams.model_fields.keys() == settings | set(TERMS)


def test_enabled_names_the_terms():
    assert objective().enabled == []
    assert objective(lambda_flops=0.1, margin=0.5, infonce_encoded=1.0).enabled == [
        "flops",
        "infonce_encoded",
        "margin",
    ]
    assert set(objective(**dict.fromkeys(TERMS, 1.0)).enabled) == set(TERMS)


def test_the_loss_without_flops():
    loss, figures = compute(objective(lambda_flops=0.01, infonce_encoded=2.0, positive=3.0))
    rest = 2 * figures["infonce_encoded"] + 3 * figures["positive"]
    assert figures["loss_without_flops"].item() == pytest.approx(rest.item())
    assert loss.item() == pytest.approx(
        rest.item() + 0.01 * (figures["flops_query"] + figures["flops_document"]).item()
    )


SCORED = dict.fromkeys(("infonce_inference_free", "infonce_encoded", "distillation"), 1.0)


@pytest.mark.parametrize("piece", [0, 3, 4])
@pytest.mark.parametrize("recipe", [{}, V24])
def test_which_pieces_take_part_in_the_scores(recipe, piece):
    """Special pieces never do, the masked particle does in V24 only, words always do."""
    it = objective(**SCORED, **recipe)
    document = DOCUMENT.clone()
    document[1, piece] += 1.0
    query = QUERY.clone()
    query[1, piece] += 1.0
    before, after = compute(it)[1], compute(it, query, document)[1]
    takes_part = piece == 4 or (piece == 3 and recipe == V24)
    assert [bool(after[name] != before[name]) for name in SCORED] == [takes_part] * 3


def test_figures_of_a_batch_by_hand():
    multiplicity = torch.tensor([1.0, 1, 1, 1, 1, 1, 2, 2])
    figures = objective().sparsity(step_of(QUERY, DOCUMENT, BATCH, ALL), ALL, multiplicity)
    assert {name: value.item() for name, value in figures.items()} == pytest.approx(
        {
            # <s>, 3, 4 and 3, 5
            "query_nnz": 2.5,
            # <s>, 3, 4, 5 and 3, 5, 6, of which 6 stands for two
            "document_nnz": 4.0,
            # Largest masked: 3 at 5.0 and 3 at .5
            "stopword_activation": 2.75,
            # The second text alone has both: 6 at 3 over the masked 3 at .5
            "semantic_ratio": 6.0,
        }
    )
