"""Stage `train`: train the sparse encoder; curves to metrics/train by dvclive, weights to outputs/train_<version>.

A run that was killed goes on at its last checkpoint when the same command is given again.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import torch
import transformers

import kosplade
from kosplade.console import run_stage, say
from kosplade.files import replacing
from kosplade.model import SparseEncoder
from kosplade.model.weights import save_trained
from kosplade.params import Params
from kosplade.paths import BACKBONE, IDF, MASK, METRICS, TEACHER, TENSORBOARD, TRIPLETS, train_folder
from kosplade.training import checkpoints, processes
from kosplade.training.curves import CurvesCallback, write_history
from kosplade.training.run import build_trainer, open_training

SOURCES = Path(kosplade.__file__).parent
CODE = ("model", "records", "teacher", "training", "vocab")  # the folders that decide what training computes
NOT_OURS = {"data", "teacher", "verify", "eval", "export", "machine"}  # groups of params.yaml that decide nothing here


def checkpoint_folder(params: Params) -> Path:
    """The folder of this run's checkpoints, named by everything that decides its result."""
    settings = {
        **params.model_dump(exclude=NOT_OURS),
        "versions": [torch.__version__, transformers.__version__],
        "processes": processes.count(),
    }
    inputs = [TRIPLETS, BACKBONE, IDF, MASK, *([TEACHER] if params.loss.distillation else [])]
    key = checkpoints.run_key(settings, [*(SOURCES / folder for folder in CODE), *inputs])
    return checkpoints.checkpoints_root() / key


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
    trainer = build_trainer(
        params,
        training,
        SparseEncoder.load(BACKBONE),
        training.records,
        epochs=params.train.epochs,
        output=checkpoint_folder(params),
        save_steps=params.train.save_steps,
        callbacks=[CurvesCallback(METRICS / "train", TENSORBOARD / params.version)],
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
