"""Stage `train`: train the sparse encoder; curves to metrics/train by dvclive, weights to outputs/train_<version>."""

from pathlib import Path

from torch.utils.tensorboard import SummaryWriter
from transformers.integrations import TensorBoardCallback

from kosplade.files import replacing
from kosplade.params import Params
from kosplade.stages import run_stage, say
from kosplade.stages.inputs import open_training, start_trainer, train_folder
from kosplade.training.trainer import DvcliveCallback, save_trained, write_history

CURVES = Path("metrics/train")
# Outside the out: event files carry the time, and equal runs should give equal outs.
TENSORBOARD = Path("outputs/tensorboard")


def body(params: Params) -> str:
    training = open_training(params)
    say("train", f"{len(training.records)} records, {int(training.tables.core_V.sum())} pieces at every step")
    output = train_folder(params.version)
    callbacks = [DvcliveCallback(CURVES), TensorBoardCallback(SummaryWriter(TENSORBOARD / params.version))]
    with replacing(output) as target:
        trainer = start_trainer(
            params, training, training.records, epochs=params.train.epochs, output=target, callbacks=callbacks
        )
        trainer.train()
        save_trained(trainer.model.encoder, target / "model.safetensors")
        write_history(trainer.state, target / "history.jsonl")
    return f"{output}: {trainer.state.global_step} steps"


def main() -> None:
    run_stage("train", body)


if __name__ == "__main__":
    main()
