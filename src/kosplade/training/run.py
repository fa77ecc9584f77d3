"""Puts model, data, objective and Trainer together; `verify` and `train` differ in records and epochs only."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from transformers import TrainerCallback, TrainingArguments, set_seed
from transformers.utils import logging

from kosplade.corpus.records import Record
from kosplade.model import SparseEncoder
from kosplade.params import LossParams, TrainParams
from kosplade.training.batches import Collator, RecordDataset
from kosplade.training.objective import Objective
from kosplade.training.pieces import PieceSampler
from kosplade.training.teacher import TeacherVectors
from kosplade.training.trainer import SparseTrainer, TwoTower, freeze_embeddings
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


def build_trainer(
    encoder: SparseEncoder,
    tokenizer,
    records: list[Record],
    tables: Tables,
    teacher: TeacherVectors | None,
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
    callbacks: list[TrainerCallback],
) -> SparseTrainer:
    """A Trainer ready to run on `records`; arguments are named as in params.yaml."""
    logging.set_verbosity_warning()
    set_seed(seed)
    if not train.train_embeddings:
        freeze_embeddings(encoder)
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
        max_steps=train.max_steps,
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
        save_strategy="no",
        report_to=[],
        seed=seed,
        data_seed=seed,
    )
    return SparseTrainer(
        model=TwoTower(encoder),
        args=arguments,
        train_dataset=RecordDataset(records),
        data_collator=Collator(tokenizer, max_query_length, max_document_length, train.hard_negatives, teacher),
        callbacks=callbacks,
        objective=objective.to(arguments.device),
        sampler=PieceSampler(tables.core_V, train.sampled_pieces, seed),
        flops_warmup_ratio=train.flops_warmup_ratio,
        bias_learning_rate=train.bias_learning_rate,
    )


def sample_records(records: list[Record], count: int, seed: int) -> list[Record]:
    """`count` of the records (all, if there are fewer), drawn without replacement from `seed`."""
    if count >= len(records):
        return records
    picked = np.random.default_rng(seed).choice(len(records), size=count, replace=False)
    return [records[i] for i in sorted(picked)]
