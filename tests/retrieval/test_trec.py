"""Runs in TREC format: the ranking survives other tools, ties included."""

import re

import numpy as np
import pytest

from kosplade.errors import UserError
from kosplade.retrieval.trec import escaped, read_run, write_run

RUN = {"q1": {"d3": 2.5, "d1": 2.5, "d2": 0.25}, "q2": {"d1": 1.0, "d9": -0.5}}


def test_the_columns(tmp_path):
    write_run(tmp_path / "run.trec", RUN, "mine")
    lines = (tmp_path / "run.trec").read_text().splitlines()
    assert lines[0] == "q1 Q0 d3 1 2.5 mine"
    assert lines[2:] == ["q1 Q0 d2 3 0.25 mine", "q2 Q0 d1 1 1 mine", "q2 Q0 d9 2 -0.5 mine"]
    assert lines[1].startswith("q1 Q0 d1 2 2.49999976 ")
    found = read_run(tmp_path / "run.trec")
    assert {query: list(documents) for query, documents in found.items()} == {q: list(d) for q, d in RUN.items()}


def test_ties_fall_by_the_least_a_float32_can(tmp_path):
    write_run(tmp_path / "run.trec", {"q": {f"d{i}": 1.0 for i in range(50)}}, "ties")
    found = read_run(tmp_path / "run.trec")["q"]
    assert list(found) == [f"d{i}" for i in range(50)]
    scores = np.float32(list(found.values()))
    assert (np.diff(scores) < 0).all()
    assert scores[-1] > 0.99999


@pytest.mark.parametrize(
    ("text", "place"),
    [("q Q0 d 1 0.5 n\nq Q0 d 2\n", ":2"), ("q Q0 d 1 much n\n", ":1"), ("q Q0 d e 1 0.5 n\n", ":1")],
)
def test_a_broken_line_is_named(tmp_path, text, place):
    path = tmp_path / "run.trec"
    path.write_text(text)
    with pytest.raises(UserError, match=rf"{re.escape(str(path))}{place}: .* Run: dvc repro -f baselines"):
        read_run(path)
    path.unlink()
    with pytest.raises(UserError, match="Run: dvc repro baselines"):
        read_run(path)


IDS = ["금융 - 240130(보도자료) ....pdf - 1", "100%", "%20", "a\tb\n", "\u2028\x1c\u3000", "x\0y", " "]


def test_any_id_comes_back_and_no_column_is_shifted(tmp_path):
    run = {id_: {other: 1.0 / rank for rank, other in enumerate(IDS, start=1)} for id_ in IDS}
    write_run(tmp_path / "run.trec", run, "a b")
    assert {len(line.split(" ")) for line in (tmp_path / "run.trec").read_text().splitlines()} == {6}
    assert {query: list(found) for query, found in read_run(tmp_path / "run.trec").items()} == dict.fromkeys(IDS, IDS)
    assert escaped("금융 (1)") == "금융%20(1)"
