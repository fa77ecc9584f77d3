"""What the stages verify, train, eval and convert share: the outs of earlier stages, opened and checked."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import PreTrainedTokenizerBase, TrainerCallback

from kosplade.errors import UserError
from kosplade.model import SparseEncoder
from kosplade.params import LossParams, Params
from kosplade.records.arrow import open_triplets
from kosplade.records.record import Record
from kosplade.teacher.teacher import Teacher, load_teacher
from kosplade.training.run import Tables, build_trainer
from kosplade.training.trainer import SparseTrainer
from kosplade.vocab.lengths import check_length
from kosplade.vocab.prior import pseudo_documents
from kosplade.vocab.tables import load_idf, load_mask
from kosplade.vocab.tokenizer import load_tokenizer

DATA = Path("data/v24.0")
TRIPLETS = Path("data/train.arrow")
BACKBONE = Path("data/backbone")
IDF = Path("outputs/idf_weights/xlmr_v25_idf.pt")
MASK = Path("outputs/idf_weights/xlmr_stopword_mask.pt")
TEACHER = Path("outputs/teacher")


def train_folder(version: str) -> Path:
    """outputs/train_<version>."""
    return Path(f"outputs/train_{version}")


def open_tables(tokenizer, loss: LossParams) -> Tables:
    """IDF, smoothed by `idf_prior` where `idf_weighting` reads it, and stopword mask, checked against the tokenizer."""
    idf_V, frequencies = load_idf(IDF, len(tokenizer))
    if loss.idf_weighting and loss.idf_prior:
        idf_V = torch.from_numpy((frequencies + pseudo_documents(tokenizer, frequencies, loss.idf_prior)).idf())
    mask_V = load_mask(MASK, len(tokenizer))
    return Tables.build(tokenizer, idf_V, torch.from_numpy(frequencies.counts_V), mask_V)


@dataclass(frozen=True)
class Training:
    """Everything a training starts from, except the model."""

    tokenizer: PreTrainedTokenizerBase
    tables: Tables
    teacher: Teacher | None
    records: Sequence[Record]


def open_training(params: Params) -> Training:
    """Open what training reads. Raises UserError naming what is missing and the command that makes it."""
    if not IDF.exists():
        raise UserError("IDF weights not found. Run: make prepare-v25-idf")
    tokenizer = load_tokenizer(BACKBONE)
    tables = open_tables(tokenizer, params.loss)
    teacher = load_teacher(TEACHER) if params.loss.distillation else None
    records = open_triplets(TRIPLETS)
    return Training(tokenizer, tables, teacher, records)


def start_trainer(
    params: Params,
    training: Training,
    records: Sequence[Record],
    *,
    epochs: int,
    output: Path,
    save_steps: int = 0,
    callbacks: list[TrainerCallback],
) -> SparseTrainer:
    """The backbone and a Trainer for `records`, set up as params.yaml says; `save_steps` 0 writes no checkpoints.

    Raises UserError for texts that are longer than the backbone reads, and for too few records.
    """
    encoder = SparseEncoder.load(BACKBONE)
    check_length(encoder.mlm.config, params.model.max_query_length, "model.max_query_length")
    check_length(encoder.mlm.config, params.model.max_document_length, "model.max_document_length")
    return build_trainer(
        encoder,
        training.tokenizer,
        records,
        training.tables,
        training.teacher,
        loss=params.loss,
        train=params.train,
        lambda_flops=params.lambda_flops,
        idf_alpha=params.idf_alpha,
        stopword_penalty=params.stopword_penalty,
        max_query_length=params.model.max_query_length,
        max_document_length=params.model.max_document_length,
        epochs=epochs,
        seed=params.seed,
        output=output,
        save_steps=save_steps,
        callbacks=callbacks,
    )
