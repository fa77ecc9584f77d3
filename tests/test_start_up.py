"""What only prints or compares starts at once: it imports neither torch nor transformers."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

SRC = Path(__file__).parents[1] / "src"
LIGHT = (
    *("kosplade.params", "kosplade.files", "kosplade.tools.imports.__main__", "kosplade.tools.beir.__main__"),
    "kosplade.tools.demo.__main__",
    *("kosplade.report.summary", "kosplade.report.vectors", "kosplade.report.compare", "kosplade.report.pull_request"),
)


def test_light_modules_import_nothing_heavy():
    code = f"import sys, {', '.join(LIGHT)}; print([name for name in ('torch', 'transformers') if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(SRC)}, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--help"], 0, "--no-titles"),
        (["--beir", "x"], 2, "required: --model"),
        (["--beir", "x", "--model", "y", "--max-query-length", "0"], 2, "'0' is not a whole number above 0"),
    ],
)
def test_beir_reads_its_arguments_before_it_imports_anything_heavy(arguments, code, said):
    command = [sys.executable, "-X", "importtime", "-m", "kosplade.tools.beir", *arguments]
    done = subprocess.run(command, env={"PYTHONPATH": str(SRC)}, capture_output=True, text=True)
    assert done.returncode == code
    assert said in done.stdout + done.stderr
    imported = set(re.findall(r"^import time:.*\| *(\S+)$", done.stderr, re.MULTILINE))
    assert "kosplade.tools" in imported
    assert not {"torch", "transformers"} & imported
