"""transformers' Trainer with the sparse encoder, its objective and the sampled vocabulary."""

import json
from collections import defaultdict
from pathlib import Path

import torch
from dvclive import Live
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import Trainer, TrainerCallback, TrainingArguments

from kosplade.errors import UserError
from kosplade.losses import quadratic_warmup
from kosplade.model import SparseEncoder
from kosplade.training.objective import Objective
from kosplade.training.pieces import PieceSampler


class TwoTower(nn.Module):
    """Queries and documents through one encoder in one forward pass, as data-parallel wrappers need it."""

    def __init__(self, encoder: SparseEncoder):
        super().__init__()
        self.encoder = encoder

    def forward(
        self, query_ids: Tensor, query_mask: Tensor, document_ids: Tensor, document_mask: Tensor, pieces_P: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Raw weights [B, P] of the queries and [N, P] of the documents."""
        return self.encoder(query_ids, query_mask, pieces_P), self.encoder(document_ids, document_mask, pieces_P)


def freeze_embeddings(encoder: SparseEncoder) -> None:
    """Leave the word embeddings, and the decoder tied to them, as they are: nothing as wide as the vocabulary moves."""
    encoder.mlm.get_input_embeddings().weight.requires_grad_(False)
    encoder.decoder.weight.requires_grad_(False)


class SparseTrainer(Trainer):
    """Trainer whose loss is an `Objective` over the pieces that a `PieceSampler` draws for the step."""

    def __init__(
        self,
        *args,
        objective: Objective,
        sampler: PieceSampler,
        flops_warmup_ratio: float,
        bias_learning_rate: float,
        **kwargs,
    ):
        super().__init__(*args, **kwargs)
        self.objective = objective
        self.sampler = sampler
        self.flops_warmup_ratio = flops_warmup_ratio
        self.bias_learning_rate = bias_learning_rate
        self._sums: dict[str, float] = defaultdict(float)
        self._batches = 0

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        pieces_P, multiplicity_P = (x.to(self.args.device) for x in self.sampler.draw(self.state.global_step))
        towers = {key: value for key, value in inputs.items() if key != "teacher"}
        query_BP, document_NP = model(**towers, pieces_P=pieces_P)
        factor = quadratic_warmup(self.state.global_step, int(self.flops_warmup_ratio * self.state.max_steps))
        loss, terms = self.objective(query_BP.float(), document_NP.float(), inputs, pieces_P, multiplicity_P, factor)
        figures = self.objective.sparsity(query_BP, document_NP, inputs, pieces_P, multiplicity_P)
        for name, value in (terms | figures).items():
            self._sums[name] += value.item()
        self._sums["flops_factor"] += factor
        self._batches += 1
        return (loss, {}) if return_outputs else loss

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        if "loss" in logs and self._batches:
            logs |= {name: total / self._batches for name, total in self._sums.items()}
            self._sums.clear()
            self._batches = 0
        super().log(logs, start_time)

    def create_optimizer(self, model=None):
        """AdamW in three groups: matrices decay; norms and biases do not; the decoder's bias has a rate of its own.

        That bias is one number a piece and Adam moves it by the rate each step: with the rate of the matrices it would
        hardly move within a short training.
        """
        if self.optimizer is None:
            decoder_bias = self.model.encoder.decoder.bias
            named = [(n, p) for n, p in self.model.named_parameters() if p.requires_grad and p is not decoder_bias]
            groups = [
                {"params": [p for _, p in named if p.ndim > 1], "weight_decay": self.args.weight_decay},
                {"params": [p for _, p in named if p.ndim == 1], "weight_decay": 0.0},
                {"params": [decoder_bias], "weight_decay": 0.0, "lr": self.bias_learning_rate},
            ]
            self.optimizer = torch.optim.AdamW(groups, lr=self.args.learning_rate, betas=(0.9, 0.999), eps=1e-8)
        return self.optimizer


def trained_state(encoder: SparseEncoder) -> dict[str, Tensor]:
    """The tensors that training updates, by name; the rest is the backbone's."""
    return {name: p.detach().cpu().contiguous() for name, p in encoder.named_parameters() if p.requires_grad}


def save_trained(encoder: SparseEncoder, path: Path) -> None:
    """Write `trained_state` as safetensors."""
    save_file(trained_state(encoder), path)


def load_trained(backbone: Path, weights: Path) -> SparseEncoder:
    """The backbone with the tensors of `weights` put in. Raises UserError if they are missing or do not fit."""
    if not weights.exists():
        raise UserError(f"{weights} not found. Run: make train-v25")
    encoder = SparseEncoder.load(backbone)
    own = dict(encoder.named_parameters())
    try:
        state = load_file(weights)
    except Exception as error:  # safetensors raises its own kinds for a damaged file
        raise UserError(f"{weights}: cannot be read ({error}). Run: dvc repro -f train") from None
    for name, value in state.items():
        if name not in own or own[name].shape != value.shape:
            raise UserError(f"{weights}: tensor {name} does not fit {backbone}. Run: dvc repro train")
        own[name].data.copy_(value)
    return encoder.eval()


class DvcliveCallback(TrainerCallback):
    """Writes the Trainer's log by global step; transformers' own counts log calls and rewrites dvc.yaml."""

    def __init__(self, folder: Path):
        self.live = Live(str(folder), dvcyaml=None, save_dvc_exp=False)

    def on_log(self, args: TrainingArguments, state, control, logs=None, **kwargs) -> None:
        if not state.is_world_process_zero or "loss" not in (logs or {}):
            return
        self.live.step = state.global_step
        for name, value in logs.items():
            if name not in ("epoch", "num_input_tokens_seen"):
                self.live.log_metric(name, value)
        self.live.make_summary()

    def on_train_end(self, args: TrainingArguments, state, control, **kwargs) -> None:
        if state.is_world_process_zero:
            self.live.end()


def write_history(state, path: Path) -> None:
    """Write the Trainer's log, one JSON object a line, without its timings: equal runs write equal files."""
    rows = [row for row in state.log_history if "loss" in row]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
