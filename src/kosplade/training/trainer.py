"""transformers' Trainer with the sparse encoder, its objective and the sampled vocabulary."""

from collections import defaultdict
from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import Trainer

from kosplade.model import Occurrences, SparseEncoder
from kosplade.model.weights import put_trained, save_trained
from kosplade.params import TrainParams
from kosplade.teacher.scores import Teacher
from kosplade.training import checkpoints, guards, processes
from kosplade.training.batches import known_answers, occurring_pieces, wanted_weights
from kosplade.training.losses import quadratic_warmup
from kosplade.training.objective import Objective, Step
from kosplade.training.optimizer import build_optimizer, clip_gradients
from kosplade.training.order import OrderOfEpoch, RecordOrder
from kosplade.training.sampler import PieceSampler

WEIGHTS = "model.safetensors"
TOWERS = ("query_ids", "query_mask", "document_ids", "document_mask")


class TwoTower(nn.Module):
    """Queries and documents through one encoder in one forward pass, as data-parallel wrappers need it."""

    def __init__(self, encoder: SparseEncoder, occurrences: Occurrences):
        super().__init__()
        self.encoder = encoder
        self.occurrences = occurrences

    def forward(
        self, query_ids: Tensor, query_mask: Tensor, document_ids: Tensor, document_mask: Tensor, pieces_P: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Raw weights [B, P] of the queries and [N, P] of the documents."""
        document_NP = self.encoder(document_ids, document_mask, pieces_P)
        document_NP = self.occurrences(document_NP, document_ids, document_mask, pieces_P)
        return self.encoder(query_ids, query_mask, pieces_P), document_NP


class SparseTrainer(Trainer):
    """Trainer whose loss is an `Objective` over the pieces that a `PieceSampler` draws for the step.

    With several processes the loss is that of the global batch. A training that can only fail is stopped (`guards`).
    """

    def __init__(
        self,
        *args,
        objective: Objective,
        teacher: Teacher | None,
        sampler: PieceSampler,
        silent_V: Tensor,
        recipe: TrainParams,
        **kwargs,
    ):
        super().__init__(*args, **kwargs)
        self.objective = objective
        self.teacher = teacher
        self.sampler = sampler
        self.silent_V = silent_V
        self.recipe = recipe
        self._sums: dict[str, float] = defaultdict(float)
        self._batches = 0
        self.order = RecordOrder(len(self.train_dataset), self.args.seed)
        self.add_callback(OrderOfEpoch(self.order))

    def _get_train_sampler(self, train_dataset=None) -> RecordOrder:
        return self.order

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        pieces_P, multiplicity_P = (x.to(self.args.device) for x in self.sampler.draw(self.state.global_step))
        towers = {key: inputs[key] for key in TOWERS}
        query_BP, document_NP = model(**towers, pieces_P=pieces_P)
        step = self._global_batch(query_BP.float(), document_NP.float(), inputs, pieces_P)
        factor = quadratic_warmup(self.state.global_step, self._flops_warmup_steps)
        loss, terms = self.objective(step, pieces_P, multiplicity_P, factor)
        figures = self.objective.sparsity(step, pieces_P, multiplicity_P)
        for name, value in (terms | figures).items():
            self._sums[name] += value.item()
        self._sums["flops_factor"] += factor
        self._batches += 1
        guards.check_finite(loss.item(), "the loss", self.state.global_step + 1, self._last_good())
        return (loss, {}) if return_outputs else loss

    def _global_batch(self, query_BP: Tensor, document_NP: Tensor, inputs: dict[str, Tensor], pieces_P: Tensor) -> Step:
        queries, vocab = len(query_BP), len(self.objective.penalty_V)

        def occurs(kind: str) -> Tensor:
            return occurring_pieces(inputs[f"{kind}_ids"], inputs[f"{kind}_mask"], vocab)[:, pieces_P]

        teacher_BN = None
        if self.teacher is not None:
            rows = processes.gather_rows(inputs["teacher_query"]).cpu().numpy()
            columns = processes.gather_documents(inputs["teacher_document"], queries).cpu().numpy()
            loss = self.objective.weights
            logits_BN = self.teacher.logits(
                rows, columns, temperature=loss.teacher_temperature, lexical_weight=loss.teacher_lexical
            )
            teacher_BN = torch.from_numpy(logits_BN).to(self.args.device)
        morphemes_NP = None
        if self.objective.weights.morphemes:
            ids_NW, targets_NW = inputs["document_morpheme_ids"], inputs["document_morpheme_targets"]
            morphemes_NP = processes.gather_documents(wanted_weights(ids_NW, targets_NW, vocab)[:, pieces_P], queries)
        return Step(
            query_BP=processes.gather_rows(query_BP),
            document_NP=processes.gather_documents(document_NP, queries),
            query_has_BP=processes.gather_rows(occurs("query")),
            document_has_NP=processes.gather_documents(occurs("document"), queries),
            known_BN=known_answers(
                processes.gather_rows(processes.widened(inputs["query_answers"])),
                processes.gather_documents(inputs["document_numbers"], queries),
            ),
            teacher_BN=teacher_BN,
            morphemes_NP=morphemes_NP,
        )

    @property
    def _flops_warmup_steps(self) -> int:
        return int(self.recipe.flops_warmup_ratio * self.state.max_steps)

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        if "loss" in logs and self._batches:
            logs |= {name: total / self._batches for name, total in self._sums.items()}
            self._sums.clear()
            self._batches = 0
            step = self.state.global_step
            if "grad_norm" in logs:
                guards.check_finite(logs["grad_norm"], "the gradient", step, self._last_good())
            guards.check_sparsity(
                logs,
                step,
                self._last_good(),
                vocab_size=len(self.objective.penalty_V),
                has_flops=self.objective.lambda_flops > 0,
                is_warm=step - self.args.logging_steps >= self._flops_warmup_steps,
            )
        super().log(logs, start_time)

    def create_optimizer(self, model=None):
        if self.optimizer is None:
            self.optimizer = build_optimizer(
                self.model.encoder,
                self.silent_V,
                self.recipe,
            )
        return self.optimizer

    def _clip_grad_norm(self, model) -> Tensor:
        return clip_gradients(model, self.args.max_grad_norm)

    def _last_good(self) -> str:
        last = checkpoints.latest(Path(self.args.output_dir))
        return f"Last good checkpoint: {last}." if last else "No checkpoint was written yet."

    def _save(self, output_dir=None, state_dict=None) -> None:
        if self.args.should_save:
            Path(output_dir).mkdir(parents=True, exist_ok=True)
            save_trained(self.model.encoder, Path(output_dir) / WEIGHTS)

    def _save_checkpoint(self, model, trial) -> None:
        super()._save_checkpoint(model, trial)
        if self.args.should_save:
            checkpoints.mark_complete(Path(self.args.output_dir) / f"checkpoint-{self.state.global_step}")

    def _load_from_checkpoint(self, resume_from_checkpoint, model=None) -> None:
        weights = Path(resume_from_checkpoint) / WEIGHTS
        put_trained(self.model.encoder, weights, f"Delete {resume_from_checkpoint} and run the same command again.")
