"""The benchmarks' arithmetic, their limits on children, and the shape of what they write. Nothing is timed."""

import json
import sys
import time

import pytest

import measure
from measure import Comparison

PAIR = Comparison("ours", "peer", identical=True)


def result(speed: float, check: float = 1.0) -> measure.Result:
    return {"pairs_per_second": speed, "peak_gib": 2.0, "check": check}


def test_the_figures_as_they_are_written(tmp_path, capsys):
    results = {8: {"ours": result(6.0, check=5.0), "peer": result(1.5, check=4.0)}}
    rows = measure.compare(results, [PAIR], ["pairs_per_second", "peak_gib", "cuda"], [32, 128])
    measure.finish(rows, {"cpu": "a"}, tmp_path / "out.json", tolerance=0.3)
    written = json.loads((tmp_path / "out.json").read_text())
    assert written["environment"] == {"cpu": "a"}
    assert written["results"] == [
        {
            **{"mode": "ours", "peer": "peer", "batch": 8, "length": [32, 128]},
            "measure": {
                "pairs_per_second": {"ours": 6.0, "peer": 1.5, "ratio": 4.0},
                "peak_gib": {"ours": 2.0, "peer": 2.0, "ratio": 1.0},
            },
            "check": {"ours": 5.0, "peer": 4.0, "difference": 0.25},
        }
    ]
    assert "pairs_per_second" in capsys.readouterr().out


def test_a_side_that_stopped_has_no_figure_and_says_why():
    results = {16: {"ours": result(6.0), "peer": {"stopped": "over 20 GiB"}}}
    (row,) = measure.compare(results, [PAIR], ["pairs_per_second"], [128])
    assert row["measure"] == {"pairs_per_second": {"ours": 6.0, "peer": None, "ratio": None}}
    assert row["stopped"] == {"peer": "over 20 GiB"}
    assert "check" not in row
    assert "over 20 GiB" in measure.table([row])


def test_functions_that_are_said_to_be_identical_must_agree():
    results = {8: {"ours": result(6.0, check=9.0), "peer": result(1.5)}}
    different = measure.compare(results, [Comparison("ours", "peer", identical=False)], ["peak_gib"], [128])
    measure.finish(different, {}, None, tolerance=1e-3)
    with pytest.raises(SystemExit, match="ours and the peer differ"):
        measure.finish(measure.compare(results, [PAIR], ["peak_gib"], [128]), {}, None, tolerance=1e-3)


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


EMIT = f"import sys; sys.path[:] = {sys.path!r}; import measure; measure.emit(lambda x: print('noise') or {{'x': x}}, "


@pytest.mark.parametrize(
    ("code", "limits", "expected"),
    [
        (EMIT + "'{\"x\": 4}')", {}, {"x": 4}),
        ("import time; block = b'x' * (300 << 20); time.sleep(60)", {"memory_gib": 0.1}, {"stopped": "over 0.1 GiB"}),
        ("import time; time.sleep(60)", {"minutes": 0.005}, {"stopped": "over 0.005 min"}),
        ("raise ValueError('no such thing')", {}, {"stopped": "failed: ValueError: no such thing"}),
    ],
)
def test_a_child_gives_its_result_or_why_it_was_stopped(code, limits, expected):
    started = time.monotonic()
    assert measure.run_child([sys.executable, "-c", code], **{"memory_gib": 4, "minutes": 1} | limits) == expected
    assert time.monotonic() - started < 50  # killed, not waited for


def test_a_child_that_failed_ends_the_benchmark():
    stopped = {"stopped": "failed: ValueError"}
    rows = measure.compare({8: {"ours": result(6.0), "peer": stopped}}, [PAIR], ["peak_gib"], [128])
    with pytest.raises(SystemExit, match="batch 8: failed: ValueError"):
        measure.finish(rows, {}, None, tolerance=1e-3)


def test_a_child_whose_allocator_gives_up_does_not_fit(capsys):
    def measure_it():
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")

    measure.emit(measure_it, "{}")
    assert json.loads(capsys.readouterr().out) == {"stopped": "out of memory"}
