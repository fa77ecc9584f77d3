"""What a run is recorded with: true on this machine, JSON, and without importing what the stage has not."""

import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import torch

from kosplade import environment

SRC = Path(__file__).parents[1] / "src"


def test_it_is_what_this_process_runs_on():
    found = environment.environment()
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["python"] == sys.version.split()[0]
    assert found["packages"] == {name: version(name) for name in environment.PACKAGES}
    assert found["cpu"]
    assert found["cpus"] >= 1
    assert found["threads"] == torch.get_num_threads()


@pytest.mark.parametrize(("wanted", "threads"), [("3", 3), ("", os.cpu_count()), ("0", os.cpu_count())])
def test_without_torch_threads_come_from_the_variable_and_nothing_heavy_is_imported(wanted, threads):
    code = (
        "import sys; from kosplade.environment import environment; print(environment()['threads'], "
        "[name for name in ('torch', 'transformers', 'numpy') if name in sys.modules])"
    )
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(SRC), "OMP_NUM_THREADS": wanted}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"{threads} []"


def test_a_package_that_is_not_there_is_said_to_be_none(monkeypatch):
    monkeypatch.setattr(environment, "PACKAGES", ("numpy", "no-such-package"))
    assert environment.environment()["packages"] == {"numpy": version("numpy"), "no-such-package": None}
