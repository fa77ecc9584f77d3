"""The two trainings that `training.py` compares, each set up so that both compute the same loss on the same batches."""

import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from itertools import count, cycle, islice
from pathlib import Path

import torch
from datasets import Dataset
from sentence_transformers import SparseEncoder as PeerEncoder
from sentence_transformers import SparseEncoderTrainer, SparseEncoderTrainingArguments
from sentence_transformers.base.sampler import DefaultBatchSampler
from sentence_transformers.sparse_encoder.callbacks.splade_callbacks import SpladeRegularizerWeightSchedulerCallback
from sentence_transformers.sparse_encoder.data_collator import SparseEncoderDataCollator
from sentence_transformers.sparse_encoder.losses import SparseMultipleNegativesRankingLoss, SpladeLoss
from torch import nn
from torch.utils.data import SequentialSampler
from transformers import PreTrainedTokenizerBase, Trainer, TrainerCallback

from device import now, open_device, peaks
from kosplade.model import SparseEncoder
from kosplade.params import Params, load_params
from kosplade.paths import BACKBONE, TRIPLETS
from kosplade.records.arrow import open_triplets
from kosplade.records.record import Record
from kosplade.training.run import Training, build_trainer
from kosplade.vocab.tables import open_tables
from kosplade.vocab.tokenizer import load_tokenizer


class StepClock(TrainerCallback):
    """The time at the end of each step; two of them lie a whole step apart, reading and tokenising included."""

    def __init__(self):
        self.ends: list[float] = []

    def on_step_end(self, args, state, control, **kwargs) -> None:
        self.ends.append(now())


def equal_params(batch: int, steps: int, lengths: Sequence[int]) -> Params:
    """params.yaml, cut down to the peer's loss: InfoNCE with encoded queries, FLOPS, constant weights, one rate."""
    params = load_params()
    terms = {
        "distillation": 0.0,
        "morphemes": 0.0,
        "self_reconstruction": 0.0,
        "positive": 0.0,
        "margin": 0.0,
        "min_activation": 0.0,
        "idf_prior": 0.0,
    }
    flags = {"idf_weighting": False, "stopword_mask": False}
    rates = {"bias_learning_rate": params.train.learning_rate, "warmup_ratio": 0.0, "flops_warmup_ratio": 0.0}
    plain = {"gradient_accumulation_steps": 1, "hard_negatives": 0, "bf16": False, "logging_steps": 1}
    groups = {
        "model": {"max_query_length": lengths[0], "max_document_length": lengths[1]},
        "loss": {"infonce_inference_free": 0.0, "infonce_encoded": 1.0} | terms | flags,
        "train": {"batch_size": batch, "max_steps": steps} | rates | plain,
        "occurrences": {"k1": 0.0, "b": 0.0, "floor": 0.0, "query_idf": 0.0},
    }
    return params.model_copy(
        update={name: getattr(params, name).model_copy(update=changes) for name, changes in groups.items()}
    )


def take_records(number: int, lengths: Sequence[int], as_is: bool, tokenizer: PreTrainedTokenizerBase) -> list[Record]:
    """The first training records, each answer once, over again if there are too few.

    Unless `as_is`, query and positive are joined with those of the following records until they fill their length:
    what a batch costs then depends on its shape alone.
    """
    # To the peer an answer that two queries of a batch share is a negative, here it is not.
    distinct = {record.positive: record for record in open_triplets(TRIPLETS)}
    records = list(islice(cycle(distinct.values()), number))
    if as_is:
        return records
    queries = joined([record.query for record in records], lengths[0], tokenizer)
    positives = joined([record.positive for record in records], lengths[1], tokenizer)
    return [Record(query, positive, ()) for query, positive in zip(queries, positives, strict=True)]


def joined(texts: list[str], length: int, tokenizer: PreTrainedTokenizerBase) -> list[str]:
    """Each text with those after it, around the end, up to `length` pieces or more."""
    sizes = [len(ids) for ids in tokenizer(texts, add_special_tokens=False)["input_ids"]]
    out = []
    for start in range(len(texts)):
        size = 0
        for stop in count(start):
            size += sizes[stop % len(texts)]
            if size >= length:
                break
        out.append(" ".join(texts[i % len(texts)] for i in range(start, stop + 1)))
    return out


def our_trainer(params: Params, records: list[Record], tokenizer: PreTrainedTokenizerBase, output: Path) -> Trainer:
    """This repository's trainer."""
    tables = open_tables(tokenizer)
    # The peer knows no pieces that are never served, so none are left out of the score.
    tables = replace(tables, special_V=torch.zeros_like(tables.special_V))
    training = Training(tokenizer, tables, None, records)
    trainer = build_trainer(params, training, SparseEncoder.load(BACKBONE), records, epochs=1, output=output)
    trainer._get_train_sampler = lambda *_: SequentialSampler(records)  # the peer's order, instead of a shuffled one
    return trainer


def peer_trainer(params: Params, records: list[Record], output: Path) -> Trainer:
    """sentence-transformers' trainer with its own SPLADE loss, modules and collator."""
    model = PeerEncoder(str(BACKBONE), device="cuda" if torch.cuda.is_available() else "cpu", local_files_only=True)
    if not params.train.train_embeddings:
        model.transformers_model.get_input_embeddings().weight.requires_grad_(False)
    loss = SpladeLoss(
        model,
        # Its default similarity is the dot product; its scale is one over the temperature.
        SparseMultipleNegativesRankingLoss(model, scale=1 / params.loss.temperature_encoded),
        document_regularizer_weight=params.lambda_flops,
        query_regularizer_weight=params.lambda_flops,
    )
    # The trainer offers one maximum length for all columns, its collator one for each task.
    collator = SparseEncoderDataCollator(
        preprocess_fn=model.preprocess,
        router_mapping={"query": "query", "document": "document"},
        max_length={"query": params.model.max_query_length, "document": params.model.max_document_length},
    )
    arguments = SparseEncoderTrainingArguments(
        output_dir=str(output),
        max_steps=params.train.max_steps,
        per_device_train_batch_size=params.train.batch_size,
        learning_rate=params.train.learning_rate,
        weight_decay=params.train.weight_decay,
        warmup_steps=0,
        lr_scheduler_type="linear",
        max_grad_norm=params.train.max_grad_norm,
        dataloader_drop_last=True,
        dataloader_pin_memory=False,
        batch_sampler=lambda dataset, **rest: DefaultBatchSampler(SequentialSampler(dataset), **rest),
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        seed=params.seed,
    )
    texts = {"query": [record.query for record in records], "document": [record.positive for record in records]}
    trainer = SparseEncoderTrainer(
        model=model, args=arguments, train_dataset=Dataset.from_dict(texts), loss=loss, data_collator=collator
    )
    # The trainer adds a schedule for the regularisers; without it their weights are constant, as ours here.
    trainer.remove_callback(SpladeRegularizerWeightSchedulerCallback)
    return trainer


def measure_training(
    mode: str,
    batch: int,
    steps: int,
    lengths: Sequence[int],
    as_is: bool,
    peer: bool,
    every_piece: bool,
    embeddings: bool,
    device: str,
    memory_gib: float,
) -> dict:
    """The child: one untimed step and `steps` timed ones; `mode` only names the rest."""
    open_device(device, memory_gib)
    params = equal_params(batch, steps + 1, lengths)
    sampled = 0 if every_piece else params.train.sampled_pieces
    train = params.train.model_copy(update={"sampled_pieces": sampled, "train_embeddings": embeddings})
    params = params.model_copy(update={"train": train})
    tokenizer = load_tokenizer(BACKBONE)
    records = take_records(batch * (steps + 1), lengths, as_is, tokenizer)
    with tempfile.TemporaryDirectory() as scratch:
        output = Path(scratch)
        trainer = peer_trainer(params, records, output) if peer else our_trainer(params, records, tokenizer, output)
        clock = StepClock()
        trainer.add_callback(clock)
        for module in trainer.model.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0
        trainer.train()
    losses = [row["loss"] for row in trainer.state.log_history if "loss" in row]
    step_seconds = statistics.median(b - a for a, b in zip(clock.ends, clock.ends[1:], strict=False))
    return {
        "pairs_per_second": batch / step_seconds,
        "step_seconds": step_seconds,
        "check": losses[0],
        "last_loss": losses[-1],
        **peaks(),
    }
