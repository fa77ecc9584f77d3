"""What the system refuses, as the libraries really say it."""

import errno
import os
import subprocess
import sys

import pytest

from kosplade.errors import LONGEST, UserError, refusal, shown

CAUGHT = """
import resource, numpy, torch, safetensors.torch, pyarrow
from kosplade.errors import refusal
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))  # no file may be larger
for code in {!r}:
    try:
        exec(code)
    except Exception as error:
        print(refusal(error, "Lower it"))
"""
FULL = [
    "torch.save(torch.zeros(9000), 'a')",
    "numpy.save('a.npy', numpy.zeros(9000))",
    "numpy.save('a.npy', numpy.zeros(18000)[::2])",
    "safetensors.torch.save_file({'a': torch.zeros(9000)}, 'a')",
    "pyarrow.OSFile('a', 'wb').write(b'x' * 9000)",
    "open('a', 'w').write('x' * 9000)",
]
NO_MEMORY = ["torch.zeros(1 << 50)", "numpy.zeros(1 << 50)", "bytearray(1 << 60)"]


def test_a_file_that_cannot_be_written_in_full_and_memory_that_is_not_there(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", CAUGHT.format(FULL + NO_MEMORY)],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.path.abspath("src")},
        capture_output=True,
        text=True,
        check=True,
    )
    lines = done.stdout.splitlines()
    assert [line.partition(".")[0] for line in lines] == (
        ["No space is left on the disk"] * len(FULL) + ["The memory does not suffice"] * len(NO_MEMORY)
    )
    assert all("Lower it" in line for line in lines[len(FULL) :])


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.EPERM])
def test_a_folder_that_cannot_be_written_is_named_with_what_moves_it(number):
    line = refusal(OSError(number, os.strerror(number), "/home/a/.cache"), "")
    assert line.startswith("A folder cannot be written: /home/a/.cache.")
    assert all(name in line for name in ("KOSPLADE_CACHE", "KOSPLADE_CHECKPOINTS", "HF_HOME"))


def test_the_error_behind_the_error_counts():
    error = RuntimeError("could not save")
    error.__cause__ = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert refusal(error, "").startswith("No space is left")


@pytest.mark.parametrize("error", [ValueError("shapes differ"), KeyError("a"), UserError("x not found. Run: make x")])
def test_any_other_error_is_not_one_of_these(error):
    assert refusal(error, "") is None


def test_what_comes_out_of_a_file_stays_in_one_short_line():
    assert str(UserError("a\nb\u202ec\ud800 한글")) == "a\\nb\\u202ec\\ud800 한글"
    assert len(str(UserError("x" * 10**6))) < 2 * LONGEST
    assert shown("a" * 10**6).startswith("'aaa")
    assert len(shown("a" * 10**6)) < 200
    assert shown(10**5000) == "a int"
