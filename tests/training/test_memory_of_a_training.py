"""A training that runs out of memory goes on in parts, as gradient accumulation over the same parts would."""

import re
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import TrainerCallback

from kosplade.errors import UserError
from kosplade.model import SparseEncoder
from kosplade.params import load_params
from kosplade.records.record import Record
from kosplade.teacher.lexical import Lexical, bm25_weights, count_terms, presence
from kosplade.teacher.teacher import Side, Teacher, text_numbers
from kosplade.training.run import Tables, build_trainer

PARAMS = load_params(Path(__file__).parents[2] / "params.yaml")
# Each with its own negative: a batch holds twice as many documents as queries.
RECORDS = [
    Record(f"w{5 + i} w{5 + i * 3 % 12}", " ".join(f"w{8 + i + k}" for k in range(1 + i % 4)), (f"w{21 + i} w{6 + i}",))
    for i in range(16)
]


def memory_error(*_) -> None:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


class Encoder(SparseEncoder):
    """Runs out of memory where `fails(call, texts)` says: "forward", or in the lowest layer on the way "backward".

    A batch calls it twice, for its queries and for its documents.
    """

    calls = 0
    was_on_its_way_back = False

    def forward(self, input_ids_BL, attention_mask_BL, pieces_P=None):
        self.calls += 1
        where = self.fails(self.calls, len(input_ids_BL))
        if where == "forward":
            memory_error()
        layer = self.mlm.bert.encoder.layer[0]
        hook = layer.register_forward_hook(self._let_fail) if where == "backward" else None
        weights = super().forward(input_ids_BL, attention_mask_BL, pieces_P)
        if hook:
            hook.remove()
        return weights

    def _let_fail(self, layer, inputs, output) -> None:
        def fail(gradient):
            lower, upper = (layer.output.dense.weight.grad is not None for layer in self.mlm.bert.encoder.layer)
            self.was_on_its_way_back = upper and not lower
            memory_error()

        output.register_hook(fail)


@dataclass
class Gradients(TrainerCallback):
    """The gradients of each update, as dense tensors."""

    steps: list[dict[str, torch.Tensor]] = field(default_factory=list)

    def on_pre_optimizer_step(self, args, state, control, model=None, **kwargs):
        grads = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
        self.steps.append({name: grad.to_dense().clone() for name, grad in grads.items()})


def make_teacher() -> Teacher:
    """Random vectors, and BM25 over the words."""
    numbers: dict[str, int] = {}
    generator = np.random.default_rng(0)

    def side(texts):
        texts = sorted(set(texts), key=lambda text: text_numbers([text])[0])
        vectors = generator.standard_normal((len(texts), 4)).astype(np.float16) / 4
        counts = count_terms([text.split() for text in texts], numbers, grow=not numbers)
        return Side(text_numbers(texts), vectors), counts

    documents, documents_NT = side([text for record in RECORDS for text in (record.positive, *record.negatives)])
    queries, queries_QT = side([record.query for record in RECORDS])
    return Teacher(queries, documents, Lexical(presence(queries_QT), bm25_weights(documents_NT)))


def never(call: int, texts: int) -> str:
    return ""


@pytest.fixture
def start(tiny_mlm, word_tokenizer, tmp_path):
    """Builds the real trainer around the tiny model: one epoch of 16 records, most terms of the loss switched on."""
    piece = torch.arange(40)
    tables = Tables(
        idf_V=1 + piece / 40,
        document_frequency_V=torch.where((piece > 4) & (piece < 26), 3, 0),
        stopword_V=piece == 7,
        special_V=piece < 5,
        hangul_V=piece < 0,
    )
    loss = replace(
        PARAMS.loss,
        **{"idf_weighting": True, "stopword_mask": True, "teacher_temperature": 0.2, "teacher_lexical": 0.3},
        morphemes=0.0,  # they come from Korean texts
        **dict.fromkeys(("infonce_inference_free", "infonce_siamese", "distillation", "margin", "positive"), 0.5),
    )

    def build(batch_size, steps=1, fails=never, **changes):
        settings = {
            **{"max_steps": -1, "batch_size": batch_size, "gradient_accumulation_steps": steps, "hard_negatives": 1},
            **{"learning_rate": 1e-3, "bias_learning_rate": 1e-3, "flops_warmup_ratio": 1.0, "max_grad_norm": 1e9},
            **{"sampled_pieces": 8, "bf16": False, "num_workers": 0, "pin_memory": False, "logging_steps": 1},
            **{"auto_batch": True, "train_embeddings": False},
        }
        encoder = Encoder(tiny_mlm().double())
        encoder.fails = fails
        gradients = Gradients()
        trainer = build_trainer(
            encoder,
            word_tokenizer,
            RECORDS,
            tables,
            make_teacher(),
            loss=loss,
            train=replace(PARAMS.train, **(settings | changes)),
            lambda_flops=0.02,
            idf_alpha=2.5,
            stopword_penalty=5.0,
            max_query_length=8,
            max_document_length=8,
            epochs=1,
            seed=42,
            output=tmp_path,
            save_steps=0,
            callbacks=[gradients],
        )
        return trainer, gradients.steps

    return build


def more_than(limit: int, since: int = 1):
    return lambda call, texts: "forward" if texts > limit and call >= since else ""


def at(call: int, where: str):
    return lambda number, texts: where if number == call else ""


# Batches of 4 queries with 8 documents. Queries come first, so the gradients of the upper layer are complete when those
# of the queries reach the lower one. (batches an update, what fails, parts, calls of the encoder):
CASES = {
    # 2 calls, then 4 for each of 4 batches.
    "too many documents": (1, more_than(4), [2], 2 + 16),
    "still too many": (1, more_than(2), [2, 4], 1 + 2 + 32),
    "on the way back": (1, at(1, "backward"), [2], 2 + 16),
    "in a later part": (1, lambda call, texts: {2: "forward", 5: "forward"}.get(call, ""), [2, 4], 2 + 3 + 32),
    # The first batch of the update went through; it is computed again with the second.
    "in the second batch": (2, at(4, "forward"), [2], 4 + 16),
    "on the way back of the second batch": (2, at(3, "backward"), [2], 4 + 16),
    "again in the first batch": (2, more_than(2, since=3), [2, 4], 3 + 2 + 32),
}


@pytest.mark.parametrize("name", CASES)
def test_an_update_in_parts_is_gradient_accumulation_over_them(start, capsys, name):
    steps, fails, parts, calls = CASES[name]
    trainer, gradients = start(4, steps, fails)
    trainer.train()
    lines = [line for line in capsys.readouterr().out.splitlines() if "memory" in line]
    assert lines == [
        f"[train] GPU out of memory: each batch of 4 goes on in {number} parts, whose gradients are added; "
        "a query meets the documents of its part"
        for number in parts
    ]
    assert trainer.parts == parts[-1]
    assert trainer.model.encoder.calls == calls
    assert trainer.model.encoder.was_on_its_way_back == (name == "on the way back")

    small, expected = start(4 // parts[-1], steps * parts[-1])
    small.train()
    assert len(gradients) == len(expected) == 4 // steps
    for mine, theirs in zip(gradients, expected, strict=True):
        assert mine.keys() == theirs.keys()
        for parameter, gradient in theirs.items():
            torch.testing.assert_close(mine[parameter], gradient, rtol=1e-5, atol=1e-6)
    assert min(gradient.abs().max() for n, gradient in gradients[0].items() if "key.bias" not in n) > 1e-4


@pytest.mark.parametrize("name", CASES)
def test_the_curves_leave_out_what_was_thrown_away(start, name):
    """The Trainer's own sum, `loss`, has the first batch of an update as it was computed first."""
    steps, fails, parts, _ = CASES[name]
    trainer, _ = start(4, steps, fails)
    small, _ = start(4 // parts[-1], steps * parts[-1])
    trainer.train()
    small.train()
    assert len(trainer.state.log_history) == len(small.state.log_history) == 4 // steps + 1
    for mine, theirs in zip(trainer.state.log_history[:-1], small.state.log_history[:-1], strict=True):
        figures = theirs.keys() - ({"loss"} if steps > 1 else set())
        assert {key: mine[key] for key in figures} == pytest.approx(
            {key: theirs[key] for key in figures}, rel=1e-5, abs=1e-6
        )


def test_updates_before_the_failure_are_left_alone(start):
    """Weights hardly move here, so that gradients of later updates can be compared."""
    still = {"learning_rate": 1e-12, "bias_learning_rate": 1e-12}
    trainer, gradients = start(4, 2, at(8, "forward"), **still)
    (whole, of_whole), (small, of_parts) = start(4, 2, **still), start(2, 4, **still)
    for each in (trainer, whole, small):
        each.train()
    assert trainer.model.encoder.calls == 8 + 8
    assert len(gradients) == 2
    for name, gradient in gradients[0].items():
        assert torch.equal(gradient, of_whole[0][name])
        torch.testing.assert_close(gradients[1][name], of_parts[1][name], rtol=1e-5, atol=1e-6)
    # Whole batches are something else than their parts, or nothing here would prove anything.
    bias = "encoder.mlm.cls.predictions.bias"
    assert all((mine[bias] - theirs[bias]).abs().max() > 1e-3 for mine, theirs in zip(of_whole, of_parts, strict=True))


def test_trained_embeddings_move_by_rows_also_in_parts(start):
    trainer, gradients = start(4, 2, at(4, "backward"), train_embeddings=True)
    small, expected = start(2, 4, train_embeddings=True)
    trainer.train()
    small.train()
    assert trainer.parts == 2
    name = "encoder.mlm.bert.embeddings.word_embeddings.weight"
    for mine, theirs in zip(gradients, expected, strict=True):
        torch.testing.assert_close(mine[name], theirs[name], rtol=1e-5, atol=1e-6)
    for mine, theirs in zip(trainer.model.parameters(), small.model.parameters(), strict=True):
        if mine.shape[-1] == 8 and mine.ndim == 2:
            torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("fails", "changes", "reason", "printed"),
    [
        (more_than(4), {"auto_batch": False}, "GPU out of memory with train.batch_size 4. Set train.batch_size", 0),
        (more_than(0), {}, "GPU out of memory with a single query and its documents.", 2),
    ],
)
def test_a_training_that_cannot_go_on(start, capsys, fails, changes, reason, printed):
    trainer, gradients = start(4, 1, fails, **changes)
    with pytest.raises(UserError, match=f"^{re.escape(reason)}"):
        trainer.train()
    assert capsys.readouterr().out.count("GPU out of memory") == printed
    assert gradients == []


def test_another_error_is_not_taken_for_a_lack_of_memory(start):
    def fails(call, texts):
        raise RuntimeError("something else")

    trainer, _ = start(4, 1, fails)
    with pytest.raises(RuntimeError, match="something else"):
        trainer.train()
    assert trainer.parts == 1
