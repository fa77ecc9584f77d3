"""The comparisons with the peer run, and where both compute the same function they agree. Timings are not looked at."""

import json

import pytest


@pytest.fixture
def report(small, tmp_path, request) -> dict:
    """What a benchmark writes, made with few and short texts."""
    script, *options = request.param
    file = tmp_path / "report.json"
    small.run("python", f"benchmarks/{script}", "--batches", "2", "--steps", "1", *options, "--json", str(file))
    return json.loads(file.read_text())


SHORT = (
    ("training.py", "--lengths", "16", "--modes", "every-trained"),
    ("head.py", "--length", "4"),
)


@pytest.mark.parametrize("report", SHORT, indirect=True, ids=[name for name, *_ in SHORT])
def test_ours_equals_the_peer_and_both_are_measured(report):
    assert report["results"]
    for row in report["results"]:
        assert row["check"]["ours"] == pytest.approx(row["check"]["peer"], rel=1e-3)
        assert row["measure"]["peak_gib"]["ratio"] > 0
