"""Curves of a run that was killed and resumed are those of one that was not; the log as a file."""

import json

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from transformers import TrainerControl, TrainerState

from kosplade.training.curves import CurvesCallback, write_history

ROWS = [
    {"loss": 3.5, "grad_norm": 2.0, "learning_rate": 1e-4, "query_nnz": 17.25, "epoch": 0.1, "step": 1},
    {"loss": 2.5, "grad_norm": 1.0, "learning_rate": 2e-4, "query_nnz": 12.5, "epoch": 0.4, "step": 4},
    {"loss": 2.25, "grad_norm": 0.5, "learning_rate": 1e-4, "query_nnz": 11.0, "epoch": 0.8, "step": 8},
    {"loss": 2.0, "grad_norm": 0.25, "learning_rate": 0.0, "query_nnz": 9.75, "epoch": 1.2, "step": 12},
]
CLOSING = {"train_runtime": 12.3, "train_samples_per_second": 8.1, "train_loss": 2.4, "epoch": 1.2, "step": 12}
CONTROL = TrainerControl()


@pytest.fixture(autouse=True)
def outside_of_the_repository(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def log(callback, state, row) -> None:
    """As the Trainer does it: the row with its step into the state, without it to the callbacks."""
    state.global_step = row["step"]
    state.log_history.append(row)
    callback.on_log(None, state, CONTROL, logs={name: value for name, value in row.items() if name != "step"})


def run(folder, *, done=(), rows=ROWS, killed=False, first=True) -> None:
    """A run that has the rows `done` from its checkpoint, and logs others."""
    callback = CurvesCallback(folder / "dvclive", folder / "tensorboard")
    state = TrainerState(is_world_process_zero=first, log_history=list(done))
    callback.on_train_begin(None, state, CONTROL)
    for row in rows:
        log(callback, state, row)
    if not killed:
        log(callback, state, CLOSING)
        callback.on_train_end(None, state, CONTROL)


def curves(folder) -> dict[str, bytes]:
    files = [file for file in (folder / "dvclive").rglob("*") if file.is_file()]
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


def events(folder) -> dict[str, list[tuple[int, float]]]:
    """The curves as TensorBoard shows them, out of all event files."""
    accumulator = EventAccumulator(str(folder / "tensorboard")).Reload()
    return {
        tag: [(event.step, event.value) for event in accumulator.Scalars(tag)] for tag in accumulator.Tags()["scalars"]
    }


@pytest.fixture
def whole(tmp_path):
    run(tmp_path / "whole")
    return tmp_path / "whole"


def test_a_curve_for_every_figure_by_step(whole):
    assert set(curves(whole)) == {
        "dvclive/metrics.json",
        *(f"dvclive/plots/metrics/{name}.tsv" for name in ("loss", "grad_norm", "learning_rate", "query_nnz")),
    }
    assert curves(whole)["dvclive/plots/metrics/loss.tsv"].split() == b"step loss 1 3.5 4 2.5 8 2.25 12 2.0".split()
    last = {"loss": 2.0, "grad_norm": 0.25, "learning_rate": 0.0, "query_nnz": 9.75, "step": 12}
    assert json.loads(curves(whole)["dvclive/metrics.json"]) == last
    assert set(events(whole)) == {f"train/{name}" for name in last if name != "step"}
    assert events(whole)["train/query_nnz"] == [(1, 17.25), (4, 12.5), (8, 11.0), (12, 9.75)]


@pytest.mark.parametrize(("kept", "emptied"), [(0, True), (1, False), (3, True), (4, False)])
def test_a_resumed_run_has_the_curves_of_one_that_was_not_killed(tmp_path, whole, kept, emptied):
    """Killed after some rows; the checkpoint has `kept` of them, and DVC may have emptied the folders meanwhile."""
    folder = tmp_path / "resumed"
    # What came after the checkpoint came out otherwise, so that a point left over would show.
    logged = ROWS[: max(kept, 3)]
    run(folder, rows=[row | {"loss": row["loss"] + (place >= kept)} for place, row in enumerate(logged)], killed=True)
    for file in (folder / "tensorboard").iterdir():  # read in the order of their names, which begin with the second
        file.rename(file.with_name("events.out.tfevents.1.killed"))
    if emptied:
        for file in [*folder.rglob("*.tsv"), *folder.rglob("*.json"), *folder.rglob("events*")]:
            file.unlink()
    run(folder, done=ROWS[:kept], rows=ROWS[kept:])
    assert curves(folder) == curves(whole)
    assert events(folder) == events(whole)


def test_the_first_process_alone_writes(tmp_path):
    run(tmp_path / "second", first=False)
    assert not (tmp_path / "second").exists()


def test_the_log_without_the_closing_row(tmp_path):
    write_history(TrainerState(log_history=[*ROWS, CLOSING]), tmp_path / "history.jsonl")
    lines = (tmp_path / "history.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == ROWS
