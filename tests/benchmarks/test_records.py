"""The benchmark of large data: it runs, reads what it wrote and gives every figure for both sizes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.full

ROOT = Path(__file__).parents[2]


def test_both_sizes_and_every_figure(tmp_path):
    command = [sys.executable, "benchmarks/records.py", "--records", "10000", "--batches", "3"]
    done = subprocess.run(
        [*command, "--folder", str(tmp_path), "--json", str(tmp_path / "figures.json")],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": "src", "TQDM_DISABLE": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    runs = json.loads((tmp_path / "figures.json").read_text())["runs"]
    assert [run["records"] for run in runs] == [1000, 10_000]
    assert all(value > 0 for run in runs for value in run.values())
    assert "seconds to the first batch" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["figures.json"]
