"""How many updates a training makes, and when it cannot make one."""

import pytest

from kosplade.errors import UserError
from kosplade.params import load_params
from kosplade.training import processes
from kosplade.training.run import optimiser_steps

TRAIN = load_params().train.model_copy(
    update={"max_steps": -1, "batch_size": 16, "gradient_accumulation_steps": 1, "hard_negatives": 0}
)


@pytest.mark.parametrize(
    ("records", "epochs", "settings", "expected"),
    [
        (4910, 1, {}, 306),
        (500, 2, {}, 62),  # 31 whole batches, twice
        (500, 2, {"gradient_accumulation_steps": 4}, 16),  # 8 updates a pass, the last one of 3 batches
        (500, 2, {"max_steps": 20}, 20),
        (500, 2, {"max_steps": 200}, 62),  # a limit, not another number of passes
        (16, 1, {}, 1),
        (3, 1, {"batch_size": 1, "hard_negatives": 1}, 3),
    ],
)
def test_the_updates_are_those_of_whole_batches_up_to_a_limit(records, epochs, settings, expected):
    assert optimiser_steps(records, TRAIN.model_copy(update=settings), epochs) == expected


def test_several_processes_share_a_pass(monkeypatch):
    monkeypatch.setattr(processes, "count", lambda: 4)
    assert optimiser_steps(500, TRAIN, 1) == 7
    with pytest.raises(UserError, match=r"^63 training records do not fill a batch of 64 \(train\.batch_size "):
        optimiser_steps(63, TRAIN, 1)


@pytest.mark.parametrize(
    ("records", "settings", "reason"),
    [
        (500, {"batch_size": 512}, "500 training records do not fill a batch of 512 .*raise verify.samples"),
        (500, {"batch_size": 1}, "train.batch_size is 1 and train.hard_negatives 0: a query has one document."),
    ],
)
def test_what_cannot_train_is_refused(records, settings, reason):
    with pytest.raises(UserError, match=f"^{reason}"):
        optimiser_steps(records, TRAIN.model_copy(update=settings), 1)
