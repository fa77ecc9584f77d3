"""A clone in which the whole pipeline has run in seconds: a model of 2,000 pieces, 168 records, eighteen steps."""

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pipeline.copies import Clone, copy_of_working_tree, stages
from tiny_models import write_records, write_tiny_model

SMALL = {
    "lambda_flops": 0.002,
    "model.name": "data/models/tiny",
    "model.num_layers": 1,
    "model.max_query_length": 24,
    "model.max_document_length": 48,
    "data.source": "user",
    "data.max_passages": 120,
    "data.val_queries": 24,
    "teacher.name": "data/models/tiny",
    "teacher.max_length": 32,
    "train.batch_size": 8,
    "train.learning_rate": 0.02,
    "train.sampled_pieces": 256,
    "train.logging_steps": 2,
    "train.save_steps": 4,
    "verify.samples": 72,
    "verify.epochs": 6,  # enough for the loss to fall whatever the seed
    "eval.sparsity_documents": 24,
    "export.opensearch": False,  # one test writes it
}
RECORDS = 168


def make_small(folder: Path, settings: dict[str, object] = SMALL) -> Clone:
    """Run the small pipeline in a new clone and commit it; the user's data and model are tracked as the README says."""
    clone = copy_of_working_tree(folder)
    clone.run("dvc", "config", "--local", "cache.type", "hardlink,copy")
    for key, value in settings.items():
        clone.set(key, value)
    write_records(folder / "data/v24.0/train_mine.jsonl", RECORDS)
    write_tiny_model(folder / "data/models/tiny")
    documents = folder / "data/collection/more/documents.jsonl"
    documents.parent.mkdir()
    documents.write_text('{"_id": "1", "text": "환불은 사흘 안에 됩니다."}\n', encoding="utf-8")
    clone.run("dvc", "add", "-q", "data/v24.0/train_mine.jsonl", "data/models/tiny", str(documents))
    assert clone.repro() == set(stages())
    clone.commit("small run")
    return clone


@pytest.fixture(scope="session")
def small(tmp_path_factory) -> Clone:
    """The small clone; made once, copied for each pytest process."""
    folder = tmp_path_factory.mktemp("clone") / "repository"
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return make_small(folder)
    made = tmp_path_factory.getbasetemp().parent / "small"
    with made.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            shutil.rmtree(made.with_suffix(".part"), ignore_errors=True)
            make_small(made.with_suffix(".part")).folder.rename(made)
    subprocess.run(["cp", "-a", str(made), str(folder)], check=True)  # hard links within it stay
    copy = Clone(folder)
    copy.git("status")  # Git takes a look at the new files, or it would write them all again later
    return copy


@pytest.fixture(scope="module")
def clone(small):
    """The small clone with this environment as its .venv, so that a plain `make` does not install one."""
    (small.folder / ".venv").symlink_to(Path(sys.executable).parents[1], target_is_directory=True)
    (small.folder / ".venv/.ready").touch()
    yield small
    (small.folder / ".venv").unlink()


@pytest.fixture(scope="session")
def bare(tmp_path_factory) -> Clone:
    """A clone in which nothing has run."""
    return copy_of_working_tree(tmp_path_factory.mktemp("bare") / "repository")
