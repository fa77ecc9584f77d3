"""What `eval` measured, an export evaluated on a BEIR folder, and other tools reading the runs: all agree."""

import json

import ir_measures
import pytest
from ir_measures import RR, nDCG

from kosplade.retrieval.hybrid import HYBRIDS
from kosplade.retrieval.results import BASELINES
from kosplade.retrieval.served import WAYS

LENGTHS = ("--max-query-length", "24", "--max-document-length", "48")
BEIR = ("python", "-m", "kosplade.tools.beir", "--beir", "data/prepared", "--split", "val")
FOLDER = "outputs/beir/prepared"


@pytest.fixture(scope="module")
def table(small) -> str:
    """What the command prints."""
    return small.run(*BEIR, "--model", "huggingface/v25/best", *LENGTHS).stdout


@pytest.fixture(scope="module")
def found(small, table) -> dict:
    """What the command writes."""
    return read(small, f"{FOLDER}/val.json")


def read(small, name: str) -> dict:
    return json.loads((small.folder / name).read_text(encoding="utf-8"))


def test_the_export_gives_the_figures_of_the_stage(small, table, found):
    stage, costs = read(small, "metrics/eval.json")["val"], read(small, "metrics/cost.json")
    for way in WAYS:
        # The masked pieces are out of the weights here and out of the vectors there: the same to rounding.
        assert found[f"v25.{way}"] == pytest.approx(stage[way], abs=1e-4)
        assert found["cost"][f"v25.{way}"] == pytest.approx(costs[way], rel=1e-3)
        assert f"{found[f'v25.{way}']['ndcg10']:.3f}" in table
    for name in BASELINES:
        # The stage takes dense vectors over from the teacher, encoded in other batches: equal to rounding.
        assert found[name] == pytest.approx(stage[name], abs=5e-3 if name == "dense" else 0)
        assert found["cost"][name] == costs[name]


def test_speeds_are_measured_for_the_model(found):
    assert set(found["speed"]) == {"v25.inference_free", "v25.encoded", "v25.recounted"}
    for figures in found["speed"].values():
        assert min(figures.values()) > 0


def test_recounted_queries_have_the_same_pieces_with_other_weights(small, found):
    assert found["cost"]["v25.recounted"] == found["cost"]["v25.inference_free"]
    runs = [small.folder / f"{FOLDER}/val.v25.{way}.trec" for way in ("recounted", "inference_free")]
    scores = [[line.split()[4] for line in run.read_text().splitlines()] for run in runs]
    assert scores[0] != scores[1]


def test_others_compute_the_same_of_the_runs(small, found, tmp_path):
    lines = (small.folder / "data/prepared/qrels/val.tsv").read_text(encoding="utf-8").splitlines()[1:]
    file = tmp_path / "val.qrels"
    file.write_text("".join("{} 0 {} {}\n".format(*line.split("\t")) for line in lines), encoding="utf-8")
    qrels = list(ir_measures.read_trec_qrels(str(file)))
    for prefix, figures in (
        ("outputs/eval_v25/runs/val.", read(small, "metrics/eval.json")["val"]),
        (f"{FOLDER}/val.v25.", {way: found[f"v25.{way}"] for way in WAYS}),
    ):
        for way in WAYS:
            run = list(ir_measures.read_trec_run(str(small.folder / f"{prefix}{way}.trec")))
            theirs = ir_measures.calc_aggregate([nDCG @ 10, RR @ 10], qrels, run)
            assert theirs[nDCG @ 10] == pytest.approx(figures[way]["ndcg10"], abs=1e-6)
            assert theirs[RR @ 10] == pytest.approx(figures[way]["mrr10"], abs=1e-6)


def test_what_the_report_reads_is_there(small):
    folder, metrics = "outputs/eval_v25", read(small, "metrics/eval.json")["val"]
    queries = read(small, f"{folder}/queries.json")
    assert queries["split"] == "val"
    assert set(queries["ndcg10"]) == {*WAYS, *HYBRIDS, *BASELINES}
    mean = sum(queries["ndcg10"]["encoded"]) / len(queries["ids"])
    assert mean == pytest.approx(metrics["encoded"]["ndcg10"], abs=1e-5)
    assert read(small, f"{folder}/gains.json")["ndcg10"] == metrics["ndcg10_gain"]
    assert len(read(small, f"{folder}/texts.json")) == 10
    assert sum(read(small, f"{folder}/pieces.json")["nnz"]["counts"]) == 24  # eval.sparsity_documents
    assert set(read(small, f"{folder}/examples.json")) == {"winners", "losers"}
    rows = (small.folder / "metrics/pruning.tsv").read_text().splitlines()
    assert rows[0].split("\t") == ["max_ratio", "document_nnz", "index_bytes", "inference_free", "encoded"]
    sizes = [int(row.split("\t")[2]) for row in rows[1:]]
    assert sizes == sorted(sizes, reverse=True)
