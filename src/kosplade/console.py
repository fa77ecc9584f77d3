"""How a stage or another command speaks and ends: one clear line for each step, one line for each error."""

import os
import re
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from kosplade.environment import environment
from kosplade.errors import UserError, refusal
from kosplade.files import write_json
from kosplade.params import Params, load_params
from kosplade.paths import TIMINGS

BACK = "Run the same command again; back to what is committed: make restore."
# How a stage needs less memory; the others have nothing that could be lowered.
LIGHTER = {
    "prepare": "Lower data.max_passages",
    "idf": "Lower machine.idf_batch_size or machine.idf_processes",
    "verify": "Lower train.batch_size and raise train.gradient_accumulation_steps, or lower train.sampled_pieces",
    "train": "Lower train.batch_size and raise train.gradient_accumulation_steps, or lower train.sampled_pieces",
}


def say(stage: str, message: str) -> None:
    """Print one clear line for a stage."""
    print(f"[{stage}] {message}", flush=True)


def run_stage(stage: str, body: Callable[[Params], str]) -> None:
    """Run a stage: load params.yaml, time `body`, print its closing line; errors end it as `one_line` says.

    Seconds, peak memory and the environment go to outputs/timings/<stage>.json, outside DVC: they differ between two
    equal runs.
    """
    if not _is_first():
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - for the life of the process
    started = time.perf_counter()
    with one_line(f"stage {stage}", LIGHTER.get(stage, "Use a machine with more"), BACK):
        closing = body(load_params())
        seconds = time.perf_counter() - started
        if _is_first():
            figures = {"seconds": round(seconds, 1), "memory_gib": round(peak_memory_gib(), 1)}
            write_json(TIMINGS / f"{stage}.json", figures | {"environment": environment()})
    say(stage, f"{closing} ({seconds:.0f} s)")


def run_command(main: Callable[[list[str]], None], again: str = "Run the same command again.") -> None:
    """Run the `main` of a command beside the pipeline on the arguments given; errors end it as `one_line` says.

    `again` is what an interruption leaves to do.
    """
    with one_line("the command", "Lower the batch size or the number of texts", again):
        main(sys.argv[1:])


@contextmanager
def one_line(name: str, lighter: str, again: str) -> Iterator[None]:
    """End the process with one line on stderr for a UserError, for what the system refuses, and for SIGINT or SIGTERM.

    Any other exception passes. `lighter` says how to need less memory, `again` what to do after an interruption.
    """
    # Not the handler of SIGINT: a shell has what it starts in the background ignore that one.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
        sys.stdout.flush()
    except UserError as error:
        _fail(f"{error}", 1)
    except BrokenPipeError:  # `| head` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # an impatient second one
        _fail(f"{name} was interrupted. {again}", 130)
    except Exception as error:
        line = refusal(error, lighter)
        if line is None:
            raise
        _fail(f"{name}: {line}", 1)


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
