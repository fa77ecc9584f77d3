"""The Trainer's log as curves: dvclive and TensorBoard files that are whole also after a resumed run."""

import json
from pathlib import Path

from dvclive import Live
from torch.utils.tensorboard import SummaryWriter
from transformers import TrainerCallback, TrainingArguments

NOT_CURVES = ("epoch", "step", "num_input_tokens_seen")


class CurvesCallback(TrainerCallback):
    """Writes each log row by global step; transformers' own dvclive callback counts calls and rewrites dvc.yaml.

    The Trainer's state carries all rows so far. A run that resumes writes those first: the folders may have been
    emptied meanwhile, and may hold points past the checkpoint.
    """

    def __init__(self, dvclive: Path, tensorboard: Path):
        self._dvclive = dvclive
        self._tensorboard = tensorboard

    def on_train_begin(self, args: TrainingArguments, state, control, **kwargs) -> None:
        if not state.is_world_process_zero:
            return
        self._live = Live(str(self._dvclive), dvcyaml=None, save_dvc_exp=False)
        self._writer = SummaryWriter(self._tensorboard, purge_step=0)
        for row in state.log_history:
            self._write(row, row["step"])

    def on_log(self, args: TrainingArguments, state, control, logs=None, **kwargs) -> None:
        if state.is_world_process_zero:
            self._write(logs or {}, state.global_step)

    def on_train_end(self, args: TrainingArguments, state, control, **kwargs) -> None:
        if state.is_world_process_zero:
            self._live.end()
            self._writer.close()

    def _write(self, row: dict[str, float], step: int) -> None:
        if "loss" not in row:  # the Trainer's closing row: seconds and samples a second
            return
        self._live.step = step
        for name, value in sorted(row.items()):  # as a checkpoint keeps them
            if name not in NOT_CURVES:
                self._live.log_metric(name, value)
                self._writer.add_scalar(f"train/{name}", value, step)
        self._live.make_summary()
        self._writer.flush()


def write_history(state, path: Path) -> None:
    """Write the Trainer's log, one JSON object a line, without its timings: equal runs write equal files."""
    rows = [row for row in state.log_history if "loss" in row]
    path.write_text("".join(json.dumps(row, sort_keys=True) + "\n" for row in rows), encoding="utf-8")
