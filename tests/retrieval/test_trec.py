"""Runs in TREC format: the ranking survives other tools, ties included."""

import re

import numpy as np
import pytest
from sklearn.metrics import ndcg_score

from kosplade.errors import UserError
from kosplade.retrieval.metrics import per_query
from kosplade.retrieval.trec import escaped, read_run, write_run

RUN = {"q1": {"d3": 2.5, "d1": 2.5, "d2": 0.25}, "q2": {"d1": 1.0, "d9": -0.5}}


def test_the_columns(tmp_path):
    write_run(tmp_path / "run.trec", RUN, "mine")
    lines = (tmp_path / "run.trec").read_text().splitlines()
    assert lines[0] == "q1 Q0 d3 1 2.5 mine"
    assert lines[2:] == ["q1 Q0 d2 3 0.25 mine", "q2 Q0 d1 1 1 mine", "q2 Q0 d9 2 -0.5 mine"]
    assert lines[1].startswith("q1 Q0 d1 2 2.49999976 ")


def test_ties_fall_by_the_least_a_float32_can(tmp_path):
    write_run(tmp_path / "run.trec", {"q": {f"d{i}": 1.0 for i in range(50)}}, "ties")
    found = read_run(tmp_path / "run.trec")["q"]
    assert list(found) == [f"d{i}" for i in range(50)]
    scores = np.float32(list(found.values()))
    assert (np.diff(scores) < 0).all()
    assert scores[-1] > 0.99999


def test_what_is_written_is_read(tmp_path):
    write_run(tmp_path / "run.trec", RUN, "mine")
    found = read_run(tmp_path / "run.trec")
    assert {query: list(documents) for query, documents in found.items()} == {q: list(d) for q, d in RUN.items()}


def test_another_library_computes_the_same_ndcg(tmp_path):
    """scikit-learn's nDCG@10 of the file's scores, over a random collection with many ties and graded judgements."""
    rng = np.random.default_rng(0)
    documents, qrels, run = [f"d{i:03}" for i in range(120)], {}, {}
    for query in range(40):
        judged = rng.choice(120, 12, replace=False)
        # Linear gains in both: grades 1 to 3.
        qrels[f"q{query}"] = {documents[i]: int(grade) for i, grade in zip(judged, rng.integers(1, 4, 12), strict=True)}
        scores = np.sort(rng.integers(1, 15, 60) / 4)[::-1]
        found = rng.choice(120, 60, replace=False)
        run[f"q{query}"] = {documents[i]: float(score) for i, score in zip(found, scores, strict=True)}
    ours = per_query(qrels, run, "ndcg10")
    write_run(tmp_path / "run.trec", run, "random")
    lines = [line.split() for line in (tmp_path / "run.trec").read_text().splitlines()]
    for query, judged in qrels.items():
        score = {fields[2]: float(fields[4]) for fields in lines if fields[0] == query}
        truth = [[judged.get(document, 0) for document in documents]]
        assert ours[query] == pytest.approx(
            ndcg_score(truth, [[score.get(document, -1.0) for document in documents]], k=10), abs=1e-6
        )


@pytest.mark.parametrize(
    ("text", "place"),
    [("q Q0 d 1 0.5 n\nq Q0 d 2\n", ":2"), ("q Q0 d 1 much n\n", ":1"), ("q Q0 d e 1 0.5 n\n", ":1")],
)
def test_a_broken_line_is_named(tmp_path, text, place):
    path = tmp_path / "run.trec"
    path.write_text(text)
    with pytest.raises(UserError, match=rf"{re.escape(str(path))}{place}: .* Run: dvc repro -f baselines"):
        read_run(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match="Run: dvc repro baselines"):
        read_run(tmp_path / "none.trec")


IDS = ["금융 - 240130(보도자료) ....pdf - 1", "100%", "%20", "a\tb\n", "\u2028\x1c\u3000", "x\0y", " "]


def test_any_id_comes_back_and_no_column_is_shifted(tmp_path):
    run = {id_: {other: 1.0 / rank for rank, other in enumerate(IDS, start=1)} for id_ in IDS}
    write_run(tmp_path / "run.trec", run, "a b")
    assert {len(line.split(" ")) for line in (tmp_path / "run.trec").read_text().splitlines()} == {6}
    assert {query: list(found) for query, found in read_run(tmp_path / "run.trec").items()} == dict.fromkeys(IDS, IDS)
    assert escaped("금융 (1)") == "금융%20(1)"
