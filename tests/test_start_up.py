"""What only prints or compares starts at once: it imports neither torch nor transformers."""

import subprocess
import sys
from pathlib import Path

import pytest

SRC = Path(__file__).parents[1] / "src"
LIGHT = (
    *("kosplade.params", "kosplade.files", "kosplade.imports.__main__"),
    *("kosplade.report.summary", "kosplade.report.sparsity", "kosplade.report.compare", "kosplade.report.pull_request"),
)


@pytest.mark.parametrize("module", LIGHT)
def test_a_light_module_imports_nothing_heavy(module):
    code = f"import sys, {module}; print([name for name in ('torch', 'transformers') if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(SRC)}, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
