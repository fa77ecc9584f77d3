"""The benchmarks' arithmetic, their limits on children, and the shape of what they write. Nothing is timed."""

import json
import sys
import time

import pytest

import measure
from measure import Comparison

LIMITS = {"memory_gib": 4, "minutes": 1}
PAIR = Comparison("ours", "peer", identical=True)


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def result(speed: float, check: float = 1.0) -> measure.Result:
    return {"pairs_per_second": speed, "peak_gib": 2.0, "check": check}


def test_ratio_is_ours_over_the_peers():
    figures = measure.side_by_side({"speed": 6.0, "peak": 1.0}, {"speed": 1.5, "peak": 4.0}, ["speed", "peak", "cuda"])
    assert figures == {
        "speed": {"ours": 6.0, "peer": 1.5, "ratio": 4.0},
        "peak": {"ours": 1.0, "peer": 4.0, "ratio": 0.25},
    }


def test_a_side_that_stopped_has_no_figure_and_says_why():
    results = {16: {"ours": result(6.0), "peer": {"stopped": "over 20 GiB"}}}
    (row,) = measure.compare(results, [PAIR], ["pairs_per_second"], [128])
    assert row["measure"] == {"pairs_per_second": {"ours": 6.0, "peer": None, "ratio": None}}
    assert row["stopped"] == {"peer": "over 20 GiB"}
    assert "check" not in row
    assert "over 20 GiB" in measure.table([row])


def test_shape_of_the_file(tmp_path, capsys):
    results = {8: {"ours": result(6.0, check=5.0), "peer": result(1.5, check=4.0)}}
    rows = measure.compare(results, [PAIR], ["pairs_per_second", "peak_gib"], [32, 128])
    measure.finish(rows, {"cpu": "a"}, tmp_path / "out.json", tolerance=0.3)
    written = json.loads((tmp_path / "out.json").read_text())
    assert written == {
        "environment": {"cpu": "a"},
        "results": [
            {
                "mode": "ours",
                "peer": "peer",
                "batch": 8,
                "length": [32, 128],
                "measure": {
                    "pairs_per_second": {"ours": 6.0, "peer": 1.5, "ratio": 4.0},
                    "peak_gib": {"ours": 2.0, "peer": 2.0, "ratio": 1.0},
                },
                "check": {"ours": 5.0, "peer": 4.0, "difference": 0.25},
            }
        ],
    }
    assert "pairs_per_second" in capsys.readouterr().out


def test_identical_functions_that_differ_are_an_error():
    rows = measure.compare({8: {"ours": result(6.0, check=1.01), "peer": result(1.5)}}, [PAIR], ["peak_gib"], [128])
    with pytest.raises(SystemExit, match="ours and the peer differ"):
        measure.finish(rows, {}, None, tolerance=1e-3)


def test_what_is_not_identical_is_not_checked():
    pair = Comparison("ours", "peer", identical=False)
    rows = measure.compare({8: {"ours": result(6.0, check=9.0), "peer": result(1.5)}}, [pair], ["peak_gib"], [128])
    measure.finish(rows, {}, None, tolerance=1e-3)


def test_a_mode_that_stopped_is_not_run_at_larger_batches():
    calls = []

    def run(mode, batch):
        calls.append((mode, batch))
        return {"stopped": "over 20 GiB"} if mode == "peer" and batch >= 2 else result(1.0)

    results = measure.sweep(["ours", "peer"], [4, 1, 2], run)
    assert calls == [("ours", 1), ("peer", 1), ("ours", 2), ("peer", 2), ("ours", 4)]
    assert results[4]["peer"] == {"stopped": "over 20 GiB at batch 2"}


def test_largest_doubles_until_it_stops():
    def run(batch):
        return {"stopped": "over 20 GiB"} if batch > 50 else result(1.0)

    assert measure.largest(run, 8, 1024) == (32, "64: over 20 GiB")
    assert measure.largest(run, 8, 16) == (16, "not tried above 16")
    assert measure.largest(run, 64, 1024) == (0, "64: over 20 GiB")


def test_a_child_gives_its_result():
    code = "import measure; measure.emit(lambda batch: print('noise') or {'twice': 2 * batch}, '{\"batch\": 4}')"
    assert measure.run_child(python(f"import sys; sys.path[:] = {sys.path!r}; {code}"), **LIMITS) == {"twice": 8}


def test_a_child_above_the_memory_limit_is_killed():
    started = time.monotonic()
    code = "import time; block = b'x' * (300 << 20); time.sleep(60)"
    assert measure.run_child(python(code), memory_gib=0.1, minutes=1) == {"stopped": "over 0.1 GiB"}
    assert time.monotonic() - started < 50  # killed, not waited for


def test_a_child_above_the_time_limit_is_killed():
    assert measure.run_child(python("import time; time.sleep(60)"), memory_gib=4, minutes=0.005) == {
        "stopped": "over 0.005 min"
    }


def test_a_child_that_fails_is_one_line():
    stopped = measure.run_child(python("raise ValueError('no such thing')"), **LIMITS)
    assert stopped == {"stopped": "failed: ValueError: no such thing"}
    rows = measure.compare({8: {"ours": result(6.0), "peer": stopped}}, [PAIR], ["peak_gib"], [128])
    with pytest.raises(SystemExit, match="batch 8: failed: ValueError: no such thing"):
        measure.finish(rows, {}, None, tolerance=1e-3)


def test_a_child_whose_allocator_gives_up_does_not_fit(capsys):
    def measure_it():
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")

    measure.emit(measure_it, "{}")
    assert json.loads(capsys.readouterr().out) == {"stopped": "out of memory"}


def test_own_peak_is_measured_and_an_ended_process_has_none():
    assert measure.resident_peak_gib() > 0
    assert measure.resident_peak_gib(2**22 + 1) == 0
