"""The training objective: raw weights of a batch in, the weighted sum of the loss terms and figures out."""

from dataclasses import dataclass

import torch
from torch import Tensor

from kosplade.params import Params
from kosplade.training import losses
from kosplade.vocab.tables import RATIO_CAP, WEIGHT_FLOOR, Tables, served_weights


@dataclass(frozen=True)
class Step:
    """What the objective sees of one step, of all processes together: B queries, N documents, P computed pieces.

    query_BP and document_NP are raw weights, float32; query_has_BP and document_has_NP (bool) say which pieces occur in
    the texts; known_BN (bool) names the documents that answer a query beside its own positive; morphemes_NP (float32)
    is what the documents should weigh for their morphemes, 0 where there is none; teacher_BN (float32) are the
    teacher's logits. Documents stand as `Collator` orders them.
    """

    query_BP: Tensor
    document_NP: Tensor
    query_has_BP: Tensor
    document_has_NP: Tensor
    known_BN: Tensor
    teacher_BN: Tensor | None = None
    morphemes_NP: Tensor | None = None


class Objective:
    """Holds the tables over the vocabulary and computes the terms, weighted as `params` says, for the pieces of a step.

    `tables` are those of the stages `idf` and `stopwords`.
    """

    def __init__(self, params: Params, tables: Tables):
        self.weights = params.loss
        # The score is a sum: of what the encoder says, and of a share of that of an inference-free query.
        self.query_idf = float(params.loss.idf_weighting) * params.loss.query_idf
        own = self.query_idf * params.loss.temperature_inference_free
        self.temperature_encoded = params.loss.temperature_encoded + own
        self.lambda_flops = params.lambda_flops
        self.stopword_V = tables.stopword_V
        self.special_V = tables.special_V
        self.query_weight_V, self.unserved_V = served_weights(
            params.loss, tables.idf_V, tables.stopword_V, tables.special_V
        )
        self.penalty_V = losses.flops_penalty(
            tables.idf_V,
            tables.document_frequency_V,
            tables.stopword_V if params.loss.stopword_mask else None,
            tables.functional_V,
            idf_weighting=params.loss.idf_weighting,
            idf_alpha=params.idf_alpha,
            stopword_penalty=params.stopword_penalty,
            functional_penalty=params.loss.functional_penalty,
        )

    @property
    def enabled(self) -> list[str]:
        """Names of the terms with a weight above zero."""
        names = ("infonce_inference_free", "infonce_encoded", "distillation", "margin", "positive")
        names += ("self_reconstruction", "morphemes", "min_activation")
        return ["flops"] * (self.lambda_flops > 0) + [name for name in names if getattr(self.weights, name) > 0]

    def to(self, device: torch.device) -> "Objective":
        """Move the tables to a device."""
        for name, value in vars(self).items():
            if isinstance(value, Tensor):
                setattr(self, name, value.to(device))
        return self

    def __call__(
        self, step: Step, pieces_P: Tensor, multiplicity_P: Tensor, flops_factor: float
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return (loss, figures): every enabled term unweighted and the loss without FLOPS, detached."""
        w, query_BP, document_NP = self.weights, step.query_BP, step.document_NP
        kept_P = ~self.unserved_V[pieces_P]
        served_NP = document_NP * kept_P
        # Scores are those that serve: dot products over the pieces that are not masked.
        free_BP = step.query_has_BP * self.query_weight_V[pieces_P]
        free_BN = free_BP @ served_NP.T / w.temperature_inference_free
        encoded_BP = query_BP * kept_P + self.query_idf * free_BP
        encoded_BN = encoded_BP @ served_NP.T / self.temperature_encoded
        # A document that is known to answer a query is no negative of it, in none of the terms.
        free_BN = free_BN.masked_fill(step.known_BN, losses.EXCLUDED)
        encoded_BN = encoded_BN.masked_fill(step.known_BN, losses.EXCLUDED)

        penalty_P = self.penalty_V[pieces_P] * multiplicity_P
        terms = {
            "flops_document": (self.lambda_flops * flops_factor, losses.flops(document_NP, penalty_P)),
            "flops_query": (self.lambda_flops * flops_factor, losses.flops(query_BP, penalty_P)),
        }
        if w.infonce_inference_free:
            terms["infonce_inference_free"] = (w.infonce_inference_free, losses.infonce(free_BN))
        if w.infonce_encoded:
            terms["infonce_encoded"] = (w.infonce_encoded, losses.infonce(encoded_BN))
        if w.distillation:
            teacher_BN = step.teacher_BN.masked_fill(step.known_BN, losses.EXCLUDED)
            both = losses.distillation(free_BN, teacher_BN) + losses.distillation(encoded_BN, teacher_BN)
            terms["distillation"] = (w.distillation, both / 2)
        if w.margin:
            hard = len(document_NP) // len(query_BP) - 1
            terms["margin"] = (w.margin, losses.margin(free_BN, hard, w.margin_size))
        if w.positive:
            wanted_BP = step.query_has_BP & kept_P
            terms["positive"] = (w.positive, losses.reach(document_NP[: len(query_BP)], wanted_BP))
        if w.self_reconstruction:
            wanted_NP = step.document_has_NP & kept_P
            terms["self_reconstruction"] = (w.self_reconstruction, losses.reach(document_NP, wanted_NP))
        if w.morphemes:
            terms["morphemes"] = (w.morphemes, losses.reach(document_NP, step.morphemes_NP * kept_P))
        if w.min_activation:
            value = losses.min_activation(served_NP, w.min_activation_top_k, w.min_activation_floor)
            terms["min_activation"] = (w.min_activation, value)
        loss = sum(weight * value for weight, value in terms.values())
        figures = {name: value.detach() for name, (_, value) in terms.items()}
        # The weight of FLOPS rises during the warm-up, and the sum with it: whether training works shows in the rest.
        rest = [weight * value.detach() for name, (weight, value) in terms.items() if not name.startswith("flops")]
        return loss, figures | {"loss_without_flops": sum(rest, torch.zeros(()))}

    @torch.no_grad()
    def sparsity(self, step: Step, pieces_P: Tensor, multiplicity_P: Tensor) -> dict[str, Tensor]:
        """Figures of one batch for the curves, on raw weights; unbiased for the whole vocabulary."""
        query_BP, document_NP = step.query_BP, step.document_NP
        stop_P = self.stopword_V[pieces_P]
        return {
            "query_nnz": ((query_BP > 0) * multiplicity_P).sum(1).mean(),
            "document_nnz": ((document_NP > 0) * multiplicity_P).sum(1).mean(),
            "stopword_activation": (document_NP * stop_P).amax(1).mean(),
            "semantic_ratio": semantic_ratio(
                document_NP, step.document_has_NP & ~stop_P, step.document_has_NP & stop_P & ~self.special_V[pieces_P]
            ),
        }


def semantic_ratio(weights_NP: Tensor, semantic_NP: Tensor, masked_NP: Tensor) -> Tensor:
    """Mean weight of a text's own unmasked pieces over that of its own masked ones; the figure of `analysis.sparsity`.

    The mean over the texts that have both (bool masks), each ratio capped and with a floor below; 0 if none has both.
    """
    count_N, masked_count_N = semantic_NP.sum(1), masked_NP.sum(1)
    both_N = (count_N > 0) & (masked_count_N > 0)
    if not both_N.any():
        return weights_NP.new_zeros(())
    semantic_N = (weights_NP * semantic_NP).sum(1)[both_N] / count_N[both_N]
    masked_N = (weights_NP * masked_NP).sum(1)[both_N] / masked_count_N[both_N]
    return (semantic_N / masked_N.clamp(min=WEIGHT_FLOOR)).clamp(max=RATIO_CAP).mean()
