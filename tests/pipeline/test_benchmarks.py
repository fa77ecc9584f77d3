"""The comparisons with the peer run, and where both compute the same function they agree. Timings are not looked at."""

import json

import pytest

pytestmark = pytest.mark.full


@pytest.mark.parametrize(
    "command",
    [("training.py", "--lengths", "16", "--modes", "every-trained"), ("head.py", "--length", "4")],
    ids=["training", "head"],
)
def test_ours_equals_the_peer_and_both_are_measured(small, tmp_path, command):
    script, *options = command
    file = tmp_path / "report.json"
    small.run("python", f"benchmarks/{script}", "--batches", "2", "--steps", "1", *options, "--json", str(file))
    results = json.loads(file.read_text())["results"]
    assert results
    for row in results:
        assert row["check"]["ours"] == pytest.approx(row["check"]["peer"], rel=1e-3)
        assert row["measure"]["peak_gib"]["ratio"] > 0
