"""Stage `train`: train the sparse encoder; curves to metrics/train by dvclive, weights to outputs/train_<version>."""

from pathlib import Path

from torch.utils.tensorboard import SummaryWriter
from transformers.integrations import TensorBoardCallback

from kosplade.files import replacing
from kosplade.model import SparseEncoder
from kosplade.params import Params
from kosplade.stages import run_stage, say
from kosplade.stages.inputs import BACKBONE, open_training, train_folder
from kosplade.training.run import build_trainer
from kosplade.training.trainer import DvcliveCallback, save_trained, write_history

CURVES = Path("metrics/train")
# Outside the out: event files carry the time, and equal runs should give equal outs.
TENSORBOARD = Path("outputs/tensorboard")


def body(params: Params) -> str:
    tokenizer, tables, teacher, records = open_training(params)
    say("train", f"{len(records)} records, {int(tables.core_V.sum())} pieces at every step")
    encoder = SparseEncoder.load(BACKBONE)
    output = train_folder(params.version)
    with replacing(output) as target:
        trainer = build_trainer(
            encoder,
            tokenizer,
            records,
            tables,
            teacher,
            loss=params.loss,
            train=params.train,
            lambda_flops=params.lambda_flops,
            idf_alpha=params.idf_alpha,
            stopword_penalty=params.stopword_penalty,
            max_query_length=params.model.max_query_length,
            max_document_length=params.model.max_document_length,
            epochs=params.train.epochs,
            seed=params.seed,
            output=target,
            callbacks=[DvcliveCallback(CURVES), TensorBoardCallback(SummaryWriter(TENSORBOARD / params.version))],
        )
        trainer.train()
        save_trained(encoder, target / "model.safetensors")
        write_history(trainer.state, target / "history.jsonl")
    return f"{output}: {trainer.state.global_step} steps"


def main() -> None:
    run_stage("train", body)


if __name__ == "__main__":
    main()
