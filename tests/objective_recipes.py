"""What the tests of the objective share: a recipe with every term off, the terms, a step out of plain tensors."""

from pathlib import Path

import torch

from kosplade.params import LossParams, Params, load_params
from kosplade.training.batches import occurring_pieces, wanted_weights
from kosplade.training.objective import Step

D = torch.float64
OFF = LossParams(
    idf_weighting=True,
    stopword_mask=True,
    functional_penalty=1.0,
    idf_prior=0.0,
    infonce_inference_free=0.0,
    infonce_encoded=0.0,
    query_idf=0.0,
    temperature_inference_free=2.0,
    temperature_encoded=1.0,
    distillation=0.0,
    teacher_temperature=0.5,
    teacher_lexical=0.25,
    morphemes=0.0,
    self_reconstruction=0.0,
    positive=0.0,
    margin=0.0,
    margin_size=1.0,
    min_activation=0.0,
    min_activation_top_k=2,
    min_activation_floor=2.0,
)
V24 = {"idf_weighting": False, "stopword_mask": False}
TERMS = (
    *("infonce_inference_free", "infonce_encoded", "distillation", "margin", "positive"),
    *("self_reconstruction", "morphemes", "min_activation"),
)


PARAMS = load_params(Path(__file__).parents[1] / "params.yaml")


def recipe(lambda_flops=0.0, **loss) -> Params:
    """All of params.yaml with the terms off but for those named; idf_alpha 2.5 and stopword_penalty 5."""
    values = {"lambda_flops": lambda_flops, "idf_alpha": 2.5, "stopword_penalty": 5.0}
    return PARAMS.model_copy(update=values | {"loss": OFF.model_copy(update=loss)})


def step_of(query, document, batch, pieces, vocab=8, known=None) -> Step:
    """The weights with what the objective knows of the texts; the teacher's logits are its scores / .5."""
    query_has, document_has = (
        occurring_pieces(batch[f"{side}_ids"], batch[f"{side}_mask"], vocab)[:, pieces]
        for side in ("query", "document")
    )
    wanted = wanted_weights(batch["document_morpheme_ids"], batch["document_morpheme_targets"], vocab)[:, pieces]
    known = torch.zeros(len(query), len(document), dtype=torch.bool) if known is None else known
    return Step(query, document, query_has, document_has, known, batch["teacher"] / 0.5, wanted)
