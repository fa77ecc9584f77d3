"""What a child knows of its device: limits, clock, peak memory."""

import time
from typing import Any

import torch

from measure import resident_peak_gib


def open_device(name: str, memory_gib: float) -> torch.device:
    """The device, with an allocator that stops at the limit: resident memory says nothing about a GPU."""
    if name == "cuda":
        total = torch.cuda.get_device_properties(0).total_memory
        torch.cuda.set_per_process_memory_fraction(min(1.0, memory_gib * (1 << 30) / total))
    return torch.device(name)


def now() -> float:
    """Seconds, after everything that a GPU has been given is done."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def peaks() -> dict[str, Any]:
    """Peak memory of this process so far, and what it ran on."""
    found = {"peak_gib": resident_peak_gib(), "threads": torch.get_num_threads(), "device": "cpu"}
    if torch.cuda.is_available():
        found |= {"cuda_gib": torch.cuda.max_memory_allocated() / (1 << 30), "device": torch.cuda.get_device_name()}
    return found
