"""Stage `train`: train the sparse encoder; curves to metrics/train by dvclive, weights to outputs/train_<version>.

A run that was killed goes on at its last checkpoint when the same command is given again.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path

import torch
import transformers

import kosplade
from kosplade.console import run_stage, say
from kosplade.files import replacing
from kosplade.model.weights import save_trained
from kosplade.params import Params
from kosplade.stages.inputs import BACKBONE, IDF, MASK, TEACHER, TRIPLETS, open_training, start_trainer, train_folder
from kosplade.training import checkpoints, processes
from kosplade.training.curves import CurvesCallback, write_history

CURVES = Path("metrics/train")
# Outside the out: event files carry the time, and equal runs should give equal outs.
TENSORBOARD = Path("outputs/tensorboard")
SOURCES = Path(kosplade.__file__).parent
# Code that decides what training computes, with losses first and the reading of its inputs last.
READ = (
    *("losses.py", "model", "training", "stages/inputs.py", "retrieval/morphemes.py", "corpus/triplets.py"),
    *("vocab/idf.py", "vocab/pieces.py", "vocab/prior.py", "vocab/tables.py"),
)


def checkpoint_folder(params: Params) -> Path:
    """The folder of this run's checkpoints, named by everything that decides its result."""
    not_ours = ("data", "idf", "teacher", "verify", "eval", "export")
    settings = {
        **{key: value for key, value in asdict(params).items() if key not in not_ours},
        "versions": [torch.__version__, transformers.__version__],
        "processes": processes.count(),
    }
    sources = [SOURCES / name for name in READ]
    inputs = [TRIPLETS, BACKBONE, IDF, MASK, *([TEACHER] if params.loss.distillation else [])]
    return checkpoints.checkpoints_root() / checkpoints.run_key(settings, [*sources, *inputs])


@contextmanager
def writing(output: Path, folder: Path) -> Iterator[Path | None]:
    """In the first process: hold the checkpoints, yield where to write, and clear up once that is in place."""
    with checkpoints.held(folder):
        checkpoints.remove_incomplete(folder)
        with replacing(output) as target:
            target.mkdir()
            yield target
        shutil.rmtree(folder)


def body(params: Params) -> str:
    training = open_training(params)
    output = train_folder(params.version)
    say("train", f"{len(training.records)} records, {int(training.tables.core_V.sum())} pieces at every step")
    trainer = start_trainer(
        params,
        training,
        training.records,
        epochs=params.train.epochs,
        output=checkpoint_folder(params),
        save_steps=params.train.save_steps,
        callbacks=[CurvesCallback(CURVES, TENSORBOARD / params.version)],
    )
    folder = Path(trainer.args.output_dir)
    with writing(output, folder) if processes.is_first() else nullcontext() as target:
        processes.barrier()
        last = checkpoints.latest(folder)
        say("train", f"goes on at {last}" if last else f"checkpoints every {params.train.save_steps} steps in {folder}")
        trainer.train(resume_from_checkpoint=str(last) if last else None)
        if target:
            save_trained(trainer.model.encoder, target / "model.safetensors")
            write_history(trainer.state, target / "history.jsonl")
    return f"{output}: {trainer.state.global_step} steps"


def main() -> None:
    run_stage("train", body)


if __name__ == "__main__":
    main()
