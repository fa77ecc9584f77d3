"""What the benchmarks share: children with limits, figures side by side, the table and the JSON file.

A configuration is measured in a fresh process, so that its peak is its own and going over a limit ends the child and
not the run. Imports nothing heavy: the parent stays small beside what it measures.
"""

import argparse
import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from kosplade.files import write_json
from kosplade.retrieval.results import format_table

POLL_SECONDS = 0.05  # a process touches at most some 0.2 GiB between two looks at it
FAILED = "failed:"  # how the reason of a child begins that ended by itself, with an error
PACKAGES = ("torch", "transformers", "sentence-transformers")
Result = dict[str, Any]  # figures by name, or only `stopped`: the reason


@dataclass(frozen=True)
class Comparison:
    """Two modes, side by side; `identical` where both compute the same function, so that `check` must agree."""

    ours: str
    peer: str
    identical: bool


def resident_peak_gib(pid: int | str = "self") -> float:
    """Largest resident set so far (VmHWM) in GiB; 0 for a process that has ended.

    `ru_maxrss` is the same figure, except that a child inherits it from the process that started it.
    """
    try:
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return int(found[1]) / (1 << 20) if found else 0.0


def emit(measure: Callable[..., Result], spec: str) -> None:
    """The child's side: call `measure` with the JSON object `spec`, print its result as the only line of stdout."""
    with contextlib.redirect_stdout(sys.stderr):
        try:
            result = measure(**json.loads(spec))
        except Exception as error:
            # A GPU's allocator says the first, a CPU's the second.
            if not re.search("out of memory|allocate memory", str(error)):
                raise
            result = {"stopped": "out of memory"}
    print(json.dumps(result, allow_nan=False))


def run_child(command: list[str], *, memory_gib: float, minutes: float, device: str = "cpu") -> Result:
    """The child's result; `stopped` if it went over a limit (it is killed) or failed."""
    environment = os.environ | {"HF_HUB_OFFLINE": "1"}
    if device == "cpu":
        environment["CUDA_VISIBLE_DEVICES"] = ""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+", errors="replace") as err:
        child = subprocess.Popen(command, stdout=out, stderr=err, env=environment)
        try:
            stopped = _watch(child, memory_gib, minutes)
        finally:
            child.kill()
            child.wait()
        out.seek(0)
        err.seek(0)
        if stopped:
            return {"stopped": stopped}
        if child.returncode:
            last = (err.read().strip() or f"exit code {child.returncode}").splitlines()[-1]
            return {"stopped": f"{FAILED} {last[:200]}"}
        return json.loads(out.read())


def _watch(child: subprocess.Popen, memory_gib: float, minutes: float) -> str | None:
    """Wait for the child to end; the limit that it went over, if it did."""
    deadline = time.monotonic() + 60 * minutes
    while child.poll() is None:
        if resident_peak_gib(child.pid) > memory_gib:
            return f"over {memory_gib:g} GiB"
        if time.monotonic() > deadline:
            return f"over {minutes:g} min"
        time.sleep(POLL_SECONDS)
    return None


def runner(script: str, arguments: argparse.Namespace, shared: dict[str, Any]) -> Callable[..., Result]:
    """run(mode, batch, **more): one child of `script` with `shared` and these in its spec; says so on stderr."""

    def run(mode: str, batch: int, **more: Any) -> Result:
        spec = shared | {"mode": mode, "batch": batch, "device": arguments.device} | more
        spec["memory_gib"] = arguments.memory_gib
        command = [sys.executable, script, "--child", json.dumps(spec)]
        limits = {"memory_gib": arguments.memory_gib, "minutes": arguments.minutes, "device": arguments.device}
        started = time.monotonic()
        result = run_child(command, **limits)
        figures = ", ".join(f"{key} {_figure(x) if isinstance(x, float) else x}" for key, x in result.items())
        print(f"{mode}, batch {batch}, {time.monotonic() - started:.0f} s: {figures}", file=sys.stderr, flush=True)
        return result

    return run


def sweep(modes: Iterable[str], batches: Iterable[int], run: Callable[[str, int], Result]) -> dict[int, dict]:
    """{batch: {mode: result}}, batches ascending; a mode that has stopped is not run at larger batches."""
    stopped: dict[str, Result] = {}
    results: dict[int, dict] = {}
    for batch in sorted(batches):
        results[batch] = {}
        for mode in modes:
            result = stopped.get(mode) or run(mode, batch)
            if "stopped" in result and mode not in stopped:
                stopped[mode] = {"stopped": f"{result['stopped']} at batch {batch}"}
            results[batch][mode] = result
    return results


def largest(run: Callable[[int], Result], start: int, ceiling: int) -> tuple[int, str]:
    """(largest batch of start, 2 * start, ... up to `ceiling` that ran, what stopped it); 0 if none ran."""
    best, batch = 0, start
    while batch <= ceiling:
        if reason := run(batch).get("stopped"):
            return best, f"{batch}: {reason}"
        best, batch = batch, 2 * batch
    return best, f"not tried above {ceiling}"


def side_by_side(ours: Result, peer: Result, names: Iterable[str]) -> dict[str, dict[str, float | None]]:
    """{name: {ours, peer, ratio}} with ratio = ours / peer; None where a side has no figure."""
    table = {}
    for name in names:
        a, b = ours.get(name), peer.get(name)
        if a is not None or b is not None:
            table[name] = {"ours": a, "peer": b, "ratio": a / b if a is not None and b else None}
    return table


def compare(results: dict[int, dict], comparisons: Iterable[Comparison], names: list[str], length: list[int]) -> list:
    """One row for each batch and comparison, as `--json` writes it."""
    rows = []
    for batch, by_mode in results.items():
        for pair in comparisons:
            ours, peer = by_mode[pair.ours], by_mode[pair.peer]
            row = {"mode": pair.ours, "peer": pair.peer, "batch": batch, "length": length}
            row["measure"] = side_by_side(ours, peer, names)
            if stops := {side: r["stopped"] for side, r in (("ours", ours), ("peer", peer)) if "stopped" in r}:
                row["stopped"] = stops
            elif pair.identical:
                a, b = ours["check"], peer["check"]
                row["check"] = {"ours": a, "peer": b, "difference": abs(a - b) / abs(b) if b else abs(a)}
            rows.append(row)
    return rows


def table(rows: list[dict]) -> str:
    """The rows as a Markdown table, one line for each figure."""
    lines = []
    for row in rows:
        shared = {"mode": row["mode"], "against": row["peer"], "batch": row["batch"]}
        for name, value in row["measure"].items():
            sides = {side: _figure(value[side], row.get("stopped", {}).get(side)) for side in ("ours", "peer")}
            lines.append(shared | {"figure": name} | sides | {"ratio": _figure(value["ratio"])})
        if check := row.get("check"):
            sides = {side: f"{check[side]:.6g}" for side in ("ours", "peer")}
            lines.append(shared | {"figure": "check"} | sides | {"ratio": f"differ {check['difference']:.0e}"})
        if not row["measure"]:
            lines.append(shared | row["stopped"])
    return format_table(lines, ["mode", "against", "batch", "figure", "ours", "peer", "ratio"])


def _figure(value: float | None, stopped: str | None = None) -> str | None:
    return stopped if value is None else f"{value:.4g}"


def finish(rows: list[dict], environment: dict, json_file: Path | None, tolerance: float) -> None:
    """Print the table, write the file; exit 1 if a child failed or two identical functions gave different figures."""
    print(table(rows))
    if json_file:
        write_json(json_file, {"environment": environment, "results": rows})
    for row in rows:
        for reason in row.get("stopped", {}).values():
            if FAILED in reason:
                sys.exit(f"Error: {row['mode']} against {row['peer']}, batch {row['batch']}: {reason}")
        difference = row.get("check", {}).get("difference", 0.0)
        if difference > tolerance:
            sys.exit(f"Error: ours and the peer differ by {difference:.1e}, more than {tolerance:g}.")


def environment(arguments: argparse.Namespace, results: dict[int, dict]) -> dict[str, Any]:
    """What the figures depend on; threads and device as the children saw them."""
    cpu = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    seen = next((r for by_mode in results.values() for r in by_mode.values() if "device" in r), {})
    return {
        "cpu": cpu[1] if cpu else "unknown",
        "cpus": os.cpu_count(),
        "threads": seen.get("threads"),
        "device": seen.get("device"),
        "versions": {"python": sys.version.split()[0]} | {name: version(name) for name in PACKAGES},
        "options": {key: value for key, value in vars(arguments).items() if key not in ("child", "json")},
    }


def parser(description: str, batches: str) -> argparse.ArgumentParser:
    """The options that both benchmarks have."""
    options = argparse.ArgumentParser(description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    options.add_argument("--batches", type=numbers, default=batches, help="batch sizes, separated by commas")
    options.add_argument("--steps", type=int, default=4, help="timed steps, after one that is not")
    options.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where to compute")
    options.add_argument("--memory-gib", type=float, default=20, help="a child above this is killed: it does not fit")
    options.add_argument("--minutes", type=float, default=30, help="a child that takes longer is killed")
    options.add_argument("--json", type=Path, default=None, help="file for the figures")
    options.add_argument("--child", default=None, help=argparse.SUPPRESS)
    return options


def numbers(text: str) -> list[int]:
    """'1,2,4' as integers above zero."""
    values = [int(part) for part in text.split(",")]
    if min(values) < 1:
        raise argparse.ArgumentTypeError("numbers above zero are expected")
    return values
