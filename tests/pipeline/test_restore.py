"""`make restore`: back to what is committed, whatever an experiment left behind, and a user's files as they are."""

import os
import signal

import pytest
from pipeline.copies import Clone, copy_of, wait_for

MINE = {
    "data/v24.0/train_more.jsonl": '{"query": "환불은 언제 되나요?", "positive": "사흘 안에 됩니다."}\n',
    "data/models/other/config.json": "{}\n",
    "data/collection/other.jsonl": '{"_id": "1", "text": "환불은 사흘 안에 됩니다."}\n',
}


@pytest.fixture(scope="module")
def copy(small, tmp_path_factory) -> Clone:
    return copy_of(small, tmp_path_factory.mktemp("restore") / "repository")


@pytest.fixture
def mine(copy):
    """What no commit knows: a new file in each of the user's folders."""
    texts = {copy.folder / name: text for name, text in MINE.items()}
    for file, text in texts.items():
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    yield
    for file, text in texts.items():
        assert file.read_text(encoding="utf-8") == text
        file.unlink()
    (copy.folder / "data/models/other").rmdir()


def is_as_committed(copy: Clone) -> bool:
    return copy.git("status", "--porcelain") == "" and copy.git("branch", "--show-current") == "main"


def test_a_change_that_git_cannot_see_by_size_and_time_goes(copy, mine):
    """Parameters changed and staged, a change of the same size in the same second, a metric and an out gone."""
    params, mask = copy.folder / "params.yaml", copy.folder / "outputs/idf_weights/xlmr_stopword_mask.pt"
    before, times = params.read_bytes(), params.stat()
    params.write_bytes(before.replace(b"seed: 42", b"seed: 43"))
    copy.git("add", "params.yaml")
    params.write_bytes(before.replace(b"seed: 42", b"seed: 44"))
    os.utime(params, ns=(times.st_atime_ns, times.st_mtime_ns))
    (copy.folder / "metrics/eval.json").unlink()
    mask.unlink()
    copy.make("restore")
    assert params.read_bytes() == before
    assert mask.exists()
    assert is_as_committed(copy)


def test_an_experiment_that_was_stopped_leaves_nothing(copy, mine, tmp_path):
    """SIGTERM in the middle of `dvc exp run`: parameters changed and staged, outs gone, HEAD without its branch."""
    log = tmp_path / "log"
    process = copy.start("dvc", "exp", "run", "-n", "stopped", "-S", "stopword_penalty=8", log=log)
    wait_for(lambda: "Running stage 'teacher'" in log.read_text() or process.poll() is not None)
    os.killpg(process.pid, signal.SIGTERM)
    process.wait(timeout=60)
    assert not is_as_committed(copy), log.read_text()
    copy.make("restore")
    assert is_as_committed(copy)
    # Every out is back: what is left to do is due to the files of `mine` alone.
    assert copy.changed() == {"prepare", "backbone", "idf", "teacher", "baselines"}
