"""Puts model, data, objective and Trainer together; `verify` and `train` differ in records and epochs only."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from transformers import TrainerCallback, TrainingArguments, set_seed
from transformers.utils import logging

from kosplade.errors import UserError
from kosplade.model import SparseEncoder
from kosplade.params import LossParams, TrainParams
from kosplade.records.record import Record
from kosplade.teacher.teacher import Teacher
from kosplade.training import processes
from kosplade.training.batches import Collator, RecordDataset
from kosplade.training.objective import Objective
from kosplade.training.optimizer import prepare_embeddings, share_bias_gradient
from kosplade.training.sampler import PieceSampler
from kosplade.training.targets import MorphemePieces
from kosplade.training.trainer import SparseTrainer, TwoTower
from kosplade.vocab.pieces import hangul_mask, special_ids


@dataclass(frozen=True)
class Tables:
    """Everything that is known about the pieces before training, one row a piece."""

    idf_V: Tensor
    document_frequency_V: Tensor
    stopword_V: Tensor
    special_V: Tensor
    hangul_V: Tensor

    @classmethod
    def build(cls, tokenizer, idf_V: Tensor, document_frequency_V: Tensor, stopword_V: Tensor) -> "Tables":
        special_V = torch.zeros(len(tokenizer), dtype=torch.bool)
        special_V[special_ids(tokenizer)] = True
        return cls(idf_V, document_frequency_V, stopword_V, special_V, torch.from_numpy(hangul_mask(tokenizer)))

    @property
    def core_V(self) -> Tensor:
        """bool [V]: pieces that every training step computes."""
        return (self.document_frequency_V > 0) | self.hangul_V | self.stopword_V | self.special_V

    def silent_groups(self, loss: LossParams) -> list[Tensor]:
        """Groups of pieces (bool [V]) that the recipe wants silent: the masked ones; those known only to be unseen."""
        return [self.stopword_V] * loss.stopword_mask + [~self.core_V] * loss.idf_weighting


def optimiser_steps(records: int, train: TrainParams, epochs: int) -> int:
    """Updates of a training: `epochs` passes over the whole batches of all processes, at most `train.max_steps`.

    Raises UserError for fewer records than one batch, and for batches in which a query has nothing to be told from.
    """
    batch = train.batch_size * processes.count()
    if batch * (1 + train.hard_negatives) < 2:
        raise UserError("train.batch_size is 1 and train.hard_negatives 0: a query has one document. Raise either.")
    if records < batch:
        raise UserError(
            f"{records} training records do not fill a batch of {batch} (train.batch_size times processes). "
            "Lower train.batch_size or add records; for the quick check, raise verify.samples."
        )
    steps = epochs * math.ceil(records // batch / train.gradient_accumulation_steps)
    return steps if train.max_steps == -1 else min(steps, train.max_steps)


def build_trainer(
    encoder: SparseEncoder,
    tokenizer,
    records: Sequence[Record],
    tables: Tables,
    teacher: Teacher | None,
    *,
    loss: LossParams,
    train: TrainParams,
    lambda_flops: float,
    idf_alpha: float,
    stopword_penalty: float,
    max_query_length: int,
    max_document_length: int,
    epochs: int,
    seed: int,
    output: Path,
    save_steps: int,
    callbacks: list[TrainerCallback],
) -> SparseTrainer:
    """A Trainer ready to run on `records`; arguments are named as in params.yaml. Raises as `optimiser_steps` does."""
    steps = optimiser_steps(len(records), train, epochs)
    logging.set_verbosity_warning()
    set_seed(seed)
    prepare_embeddings(encoder, train.train_embeddings)
    silent = tables.silent_groups(loss)
    share_bias_gradient(encoder, silent)
    objective = Objective(
        loss,
        tables.idf_V,
        tables.document_frequency_V,
        tables.stopword_V,
        tables.special_V,
        lambda_flops=lambda_flops,
        idf_alpha=idf_alpha,
        stopword_penalty=stopword_penalty,
    )
    arguments = TrainingArguments(
        output_dir=str(output),
        num_train_epochs=epochs,
        max_steps=steps,
        per_device_train_batch_size=train.batch_size,
        gradient_accumulation_steps=train.gradient_accumulation_steps,
        learning_rate=train.learning_rate,
        weight_decay=train.weight_decay,
        warmup_steps=train.warmup_ratio,  # below 1: a share of all steps
        lr_scheduler_type="linear",
        max_grad_norm=train.max_grad_norm,
        bf16=train.bf16,
        dataloader_num_workers=train.num_workers,
        dataloader_pin_memory=train.pin_memory,
        dataloader_drop_last=True,
        remove_unused_columns=False,
        label_names=[],
        logging_steps=train.logging_steps,
        logging_first_step=True,
        logging_nan_inf_filter=False,
        save_strategy="steps" if save_steps else "no",
        save_steps=save_steps or 1,
        save_total_limit=2,  # the older one is whole while the newer one is written
        use_cpu=not torch.cuda.is_available(),
        ddp_backend="gloo" if processes.count() > 1 and not torch.cuda.is_available() else None,
        ddp_find_unused_parameters=False,
        report_to=[],
        seed=seed,
        data_seed=seed,
    )
    # Several GPUs need a launcher, one process each: transformers would otherwise cut every batch up among threads.
    arguments._n_gpu = min(arguments.n_gpu, 1)
    return SparseTrainer(
        model=TwoTower(encoder),
        args=arguments,
        train_dataset=RecordDataset(records),
        data_collator=Collator(
            tokenizer,
            max_query_length,
            max_document_length,
            train.hard_negatives,
            teacher,
            MorphemePieces(tokenizer) if loss.morphemes else None,
        ),
        callbacks=callbacks,
        objective=objective.to(arguments.device),
        teacher=teacher,
        sampler=PieceSampler(tables.core_V, train.sampled_pieces, seed),
        silent_V=sum(silent, torch.zeros_like(tables.core_V)),
        flops_warmup_ratio=train.flops_warmup_ratio,
        bias_learning_rate=train.bias_learning_rate,
        auto_batch=train.auto_batch,
    )


def sample_records(records: Sequence[Record], count: int, seed: int) -> list[Record]:
    """`count` of the records (all, if there are fewer), drawn without replacement from `seed`."""
    if count >= len(records):
        return list(records)
    picked = np.random.default_rng(seed).choice(len(records), size=count, replace=False)
    return [records[i] for i in sorted(picked)]
