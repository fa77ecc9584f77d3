"""Puts model, data, objective and Trainer together; `verify` and `train` differ in records and epochs only."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from transformers import PreTrainedTokenizerBase, TrainerCallback, TrainingArguments, set_seed
from transformers.utils import logging

from kosplade.errors import UserError
from kosplade.model import Occurrences, SparseEncoder
from kosplade.model.occurrences import counting_of
from kosplade.params import Params, TrainParams
from kosplade.paths import BACKBONE, IDF, TEACHER, TRIPLETS
from kosplade.records.arrow import open_triplets
from kosplade.records.record import Record
from kosplade.teacher.scores import Teacher, load_teacher
from kosplade.training import processes
from kosplade.training.batches import Collator, RecordDataset
from kosplade.training.objective import Objective
from kosplade.training.optimizer import freeze_lower_layers, prepare_embeddings, share_bias_gradient
from kosplade.training.sampler import PieceSampler
from kosplade.training.targets import MorphemePieces
from kosplade.training.trainer import SparseTrainer, TwoTower
from kosplade.vocab.lengths import check_length
from kosplade.vocab.tables import Tables, open_tables
from kosplade.vocab.tokenizer import load_tokenizer


@dataclass(frozen=True)
class Training:
    """Everything that a training starts from, except the model. `teacher` is None where distillation has no weight."""

    tokenizer: PreTrainedTokenizerBase
    tables: Tables
    teacher: Teacher | None
    records: Sequence[Record]


def open_training(params: Params) -> Training:
    """Open the outs of the earlier stages. Raises UserError naming what is missing and the command that makes it."""
    if not IDF.exists():
        raise UserError("IDF weights not found. Run: make prepare-v25-idf")
    tokenizer = load_tokenizer(BACKBONE)
    teacher = load_teacher(TEACHER) if params.loss.distillation else None
    return Training(tokenizer, open_tables(tokenizer), teacher, open_triplets(TRIPLETS))


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
    params: Params,
    training: Training,
    encoder: SparseEncoder,
    records: Sequence[Record],
    *,
    epochs: int,
    output: Path,
    save_steps: int = 0,
    callbacks: Sequence[TrainerCallback] = (),
) -> SparseTrainer:
    """A Trainer of `encoder` on `records`, set up as params.yaml says; `save_steps` 0 writes no checkpoints.

    Raises as `optimiser_steps` does, and UserError for texts that are longer than the encoder reads.
    """
    check_length(encoder.mlm.config, params.model.max_query_length, "model.max_query_length")
    check_length(encoder.mlm.config, params.model.max_document_length, "model.max_document_length")
    train, loss, tables = params.train, params.loss, training.tables
    steps = optimiser_steps(len(records), train, epochs)
    logging.set_verbosity_warning()
    set_seed(params.seed)
    prepare_embeddings(encoder, train.train_embeddings)
    freeze_lower_layers(encoder, train.trained_layers)
    silent = tables.silent_groups(loss)
    share_bias_gradient(encoder, silent)
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
        dataloader_num_workers=params.machine.num_workers,
        dataloader_pin_memory=params.machine.pin_memory,
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
        seed=params.seed,
        data_seed=params.seed,
    )
    # Several GPUs need a launcher, one process each: transformers would otherwise cut every batch up among threads.
    arguments._n_gpu = min(arguments.n_gpu, 1)
    objective = Objective(params, tables)
    return SparseTrainer(
        model=TwoTower(encoder, Occurrences(counting_of(params, tables), objective.query_weight_V)),
        args=arguments,
        train_dataset=RecordDataset(records),
        data_collator=Collator(
            training.tokenizer,
            params.model.max_query_length,
            params.model.max_document_length,
            train.hard_negatives,
            training.teacher,
            MorphemePieces(training.tokenizer) if loss.morphemes else None,
        ),
        callbacks=list(callbacks),
        objective=objective.to(arguments.device),
        teacher=training.teacher,
        sampler=PieceSampler(tables.core_V, train.sampled_pieces, params.seed),
        silent_V=torch.stack([torch.zeros_like(tables.core_V), *silent]).any(dim=0),
        recipe=train,
    )


def sample_records(records: Sequence[Record], count: int, seed: int) -> list[Record]:
    """`count` of the records (all, if there are fewer), drawn without replacement from `seed`."""
    if count >= len(records):
        return list(records)
    picked = np.random.default_rng(seed).choice(len(records), size=count, replace=False)
    return [records[i] for i in sorted(picked)]
