"""What the system refuses, as the libraries really say it: found in the text, whoever raises it."""

import errno
import os
import resource
import subprocess
import sys

import pytest

from kosplade.errors import UserError, refusal

WRITERS = {
    "torch": "import torch; torch.save(torch.zeros(9000), 'a')",
    "numpy": "import numpy; numpy.save('a.npy', numpy.zeros(9000))",
    "numpy, strided": "import numpy; numpy.save('a.npy', numpy.zeros(18000)[::2])",
    "safetensors": "import torch, safetensors.torch as s; s.save_file({'a': torch.zeros(9000)}, 'a')",
    "arrow": "import pyarrow; pyarrow.OSFile('a', 'wb').write(b'x' * 9000)",
    "python": "open('a', 'w').write('x' * 9000)",
}
CAUGHT = """
from kosplade.errors import refusal
try:
    {}
except Exception as error:
    print(refusal(error, "Lower it"))
"""


def said(code: str, folder, limit: int) -> str:
    """What `refusal` makes of the error that `code` runs into where no file may be larger than some bytes."""
    done = subprocess.run(
        [sys.executable, "-c", CAUGHT.format(code)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": os.path.abspath("src")},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@pytest.mark.parametrize("writer", WRITERS)
def test_a_file_that_cannot_be_written_in_full(writer, tmp_path):
    assert said(WRITERS[writer], tmp_path, 4096) == (
        "No space is left on the disk. Free some, then run the same command again."
    )


@pytest.mark.parametrize(
    "code", ["import torch; torch.zeros(1 << 50)", "import numpy; numpy.zeros(1 << 50)", "bytearray(1 << 60)"]
)
def test_memory_that_is_not_there(code, tmp_path):
    assert said(code, tmp_path, 1 << 20) == (
        "The memory does not suffice. Lower it, or stop other programs, then run the same command again."
    )


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.EPERM])
def test_a_folder_that_cannot_be_written_is_named(number):
    line = refusal(OSError(number, os.strerror(number), "outputs/a"), "")
    assert line == "A folder cannot be written: outputs/a. Make it writable, then run the same command again."


def test_the_error_behind_the_error_counts():
    def fail():
        try:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            raise RuntimeError("could not save") from error

    with pytest.raises(RuntimeError) as caught:
        fail()
    assert refusal(caught.value, "").startswith("No space is left")


@pytest.mark.parametrize("error", [ValueError("shapes differ"), KeyError("a"), UserError("x not found. Run: make x")])
def test_any_other_error_is_not_one_of_these(error):
    assert refusal(error, "") is None
