"""The machine and the versions that figures came from: two runs that differ in none of them should be equal."""

import os
import platform
import re
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

# What computes or stores: another version of these may give another figure.
PACKAGES = ("torch", "transformers", "tokenizers", "numpy", "scipy", "dvc")


def environment() -> dict[str, Any]:
    """Python, package versions, processor, threads and GPUs, as JSON values. Imports nothing heavy.

    `threads` are torch's where it is loaded, else those that it would take; `gpus` the names of all in the machine.
    """
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "packages": {name: _version(name) for name in PACKAGES},
        "cpu": cpu_model(),
        "cpus": os.cpu_count(),
        "threads": threads(),
        "gpus": gpu_names(),
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def cpu_model() -> str:
    """The processor's name, or its kind where the system does not tell (arm64, macOS)."""
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        found = None
    return found[1] if found else platform.processor() or platform.machine()


def threads() -> int:
    """Threads of one matrix product: sums are taken in another order with more of them."""
    if torch := sys.modules.get("torch"):
        return torch.get_num_threads()
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    return int(wanted) if wanted.isdigit() and int(wanted) else os.cpu_count() or 1


def gpu_names() -> list[str]:
    """Names of the NVIDIA GPUs; none where there is no driver."""
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return []
    try:
        handles = map(pynvml.nvmlDeviceGetHandleByIndex, range(pynvml.nvmlDeviceGetCount()))
        return [pynvml.nvmlDeviceGetName(handle) for handle in handles]
    finally:
        pynvml.nvmlShutdown()
