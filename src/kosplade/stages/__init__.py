"""One module a stage of dvc.yaml: read params, call the library, write the outs."""

import os
import sys
import time
from collections.abc import Callable

from kosplade.errors import UserError
from kosplade.files import write_json
from kosplade.params import Params, load_params


def say(stage: str, message: str) -> None:
    """Print one clear line for a stage."""
    print(f"[{stage}] {message}", flush=True)


def run_stage(stage: str, body: Callable[[Params], str]) -> None:
    """Run a stage: load params.yaml, time `body`, print its closing line; a UserError is one line and exit code 1.

    Seconds go to outputs/timings/<stage>.json, outside DVC: they differ between two equal runs.
    """
    is_first = os.environ.get("RANK", "0") == "0"
    if not is_first:  # several training processes fail together and speak once
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - for the life of the process
    started = time.perf_counter()
    try:
        closing = body(load_params())
    except UserError as error:
        if is_first:
            print(f"Error: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print(f"Error: stage {stage} was interrupted. Run the same command again.", file=sys.stderr)
        sys.exit(130)
    seconds = time.perf_counter() - started
    if is_first:
        write_json(f"outputs/timings/{stage}.json", {"seconds": round(seconds, 1)})
    say(stage, f"{closing} ({seconds:.0f} s)")
