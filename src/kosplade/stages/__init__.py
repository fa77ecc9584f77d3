"""One module a stage of dvc.yaml: read params, call the library, write the outs."""

import os
import signal
import sys


def _quit(*_: object) -> None:
    """Ctrl-C while a stage imports what it needs: seconds in which nothing is written and no `try` is entered yet."""
    os.write(2, b"Error: interrupted before the stage began. Run the same command again.\n")
    os._exit(130)


# `python -m kosplade.stages.x` imports this before the module x, and argv[0] is "-m" meanwhile. First of all: what
# comes next takes a while.
if sys.argv[0] == "-m" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, _quit)

import re  # noqa: E402
import resource  # noqa: E402
import time  # noqa: E402
from collections.abc import Callable  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import NoReturn  # noqa: E402

from kosplade.environment import environment  # noqa: E402
from kosplade.errors import UserError, refusal  # noqa: E402
from kosplade.files import write_json  # noqa: E402
from kosplade.params import Params, load_params  # noqa: E402

# How a stage needs less memory; the others have nothing that could be lowered.
LIGHTER = {
    "prepare": "Lower data.max_passages",
    "idf": "Lower idf.batch_size or idf.processes",
    "teacher": "Lower teacher.batch_size",
    "verify": "Lower train.batch_size or train.sampled_pieces",
    "train": "Lower train.batch_size or train.sampled_pieces",
    "baselines": "Lower teacher.batch_size",
    "eval": "Lower eval.batch_size",
}


def say(stage: str, message: str) -> None:
    """Print one clear line for a stage."""
    print(f"[{stage}] {message}", flush=True)


def run_stage(stage: str, body: Callable[[Params], str]) -> None:
    """Run a stage: load params.yaml, time `body`, print its closing line.

    A UserError, what the system refuses (space, memory, writing) and Ctrl-C are one line and a non-zero exit code.
    Seconds, peak memory and the environment go to outputs/timings/<stage>.json, outside DVC: they differ between two
    equal runs.
    """
    if not _is_first():
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - for the life of the process
    started = time.perf_counter()
    try:
        if signal.getsignal(signal.SIGINT) is _quit:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        closing = body(load_params())
        seconds = time.perf_counter() - started
        if _is_first():
            figures = {"seconds": round(seconds, 1), "memory_gib": round(peak_memory_gib(), 1)}
            write_json(f"outputs/timings/{stage}.json", figures | {"environment": environment()})
    except UserError as error:
        _fail(f"{error}", 1)
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # an impatient second one
        _fail(f"stage {stage} was interrupted. Run the same command again.", 130)
    except Exception as error:
        line = refusal(error, LIGHTER.get(stage, "Use a machine with more"))
        if line is None:
            raise
        _fail(f"stage {stage}: {line}", 1)
    say(stage, f"{closing} ({seconds:.0f} s)")


def _is_first() -> bool:
    """Several training processes fail together: the first one speaks for all."""
    return os.environ.get("RANK", "0") == "0"


def _fail(line: str, code: int) -> NoReturn:
    if _is_first():
        print(f"Error: {line}", file=sys.stderr)
    sys.exit(code)


def peak_memory_gib() -> float:
    """Largest resident set of this process so far, in GiB."""
    status = Path("/proc/self/status")
    if status.exists():  # what `getrusage` tells begins with the peak of the process that started this one
        return int(re.search(r"VmHWM:\s*(\d+) kB", status.read_text())[1]) / (1 << 20)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # KiB, on macOS bytes
    return peak / (1 << 30 if sys.platform == "darwin" else 1 << 20)
