"""Stage `verify`: everything loads and fits, then a short training of the real model must work as V25 promises."""

import tempfile
from pathlib import Path

from kosplade.console import run_stage, say
from kosplade.errors import UserError
from kosplade.files import write_json
from kosplade.model import SparseEncoder
from kosplade.params import Params
from kosplade.paths import BACKBONE, METRICS
from kosplade.training.run import build_trainer, open_training, optimiser_steps, sample_records
from kosplade.training.verdict import judge


def body(params: Params) -> str:
    training = open_training(params)
    tables = training.tables
    masked = int(tables.stopword_V.sum())
    occurring = int((tables.document_frequency_V > 0).sum())
    say("verify", f"IDF weights loaded: {occurring} of {len(training.tokenizer)} pieces occur")
    say("verify", f"stopword mask {'applied' if params.loss.stopword_mask else 'loaded, not applied'}: {masked} pieces")
    sample = sample_records(training.records, params.verify.samples, params.seed)
    steps = optimiser_steps(len(sample), params.train, params.verify.epochs)
    every_step = params.model_copy(update={"train": params.train.model_copy(update={"logging_steps": 1})})
    with tempfile.TemporaryDirectory() as scratch:
        trainer = build_trainer(
            every_step,
            training,
            SparseEncoder.load(BACKBONE),
            sample,
            epochs=params.verify.epochs,
            output=Path(scratch),
        )
        say("verify", f"losses initialised: {', '.join(trainer.objective.enabled)}")
        say("verify", f"quick training: {len(sample)} samples, {params.verify.epochs} epochs, {steps} steps")
        trainer.train()
    verdict = judge([row for row in trainer.state.log_history if "loss" in row], params)
    if verdict.error:
        raise UserError(f"verify: {verdict.error} Then run: make train-v25-verify")
    if verdict.doubt:
        say("verify", verdict.doubt)
    write_json(
        METRICS / "verify.json",
        {"samples": len(sample), "steps": steps, "masked_pieces": masked} | verdict.figures,
    )
    figures = verdict.figures
    loss = f"loss {figures['loss_first']:.3f} -> {figures['loss_last']:.3f}"
    return f"{loss}, semantic ratio {figures['semantic_ratio']:.2f}"


def main() -> None:
    run_stage("verify", body)


if __name__ == "__main__":
    main()
