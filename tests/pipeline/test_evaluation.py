"""What `eval` measured, an export evaluated on a BEIR folder, and other tools reading the runs: all agree."""

import json

import ir_measures
import pytest
from ir_measures import RR, nDCG

from kosplade.retrieval.baselines import BASELINES
from kosplade.retrieval.served import WAYS

LENGTHS = ("--max-query-length", "24", "--max-document-length", "48")
EVALUATE = ("python", "-m", "kosplade.tools.beir", "--beir", "data/prepared", "--split", "val")


@pytest.fixture(scope="module")
def table(small) -> str:
    """What the command prints; its files lie in outputs/beir/prepared."""
    return small.run(*EVALUATE, "--model", "huggingface/v25/best", "--recount", *LENGTHS).stdout


def read(small, name: str) -> dict:
    return json.loads((small.folder / name).read_text(encoding="utf-8"))


def test_the_export_gives_the_figures_of_the_stage(small, table):
    stage, command = read(small, "metrics/eval.json")["val"], read(small, "outputs/beir/prepared/val.json")
    for way in WAYS:
        # The masked pieces are out of the weights here and out of the vectors there: the same to rounding.
        assert command[f"v25.{way}"] == pytest.approx(stage[way], abs=1e-4)
        assert f"{command[f'v25.{way}']['ndcg10']:.3f}" in table
    for name in BASELINES:
        # The stage takes dense vectors over from the teacher, encoded in other batches: equal to rounding.
        assert command[name] == pytest.approx(stage[name], abs=5e-3 if name == "dense" else 0)
    costs = read(small, "metrics/cost.json")
    for way in WAYS:
        assert command["cost"][f"v25.{way}"] == pytest.approx(costs[way], rel=1e-3)
    assert {name: command["cost"][name] for name in BASELINES} == {name: costs[name] for name in BASELINES}


def test_speeds_are_measured_for_the_model(small, table):
    speed = read(small, "outputs/beir/prepared/val.json")["speed"]
    assert set(speed) == {"v25.inference_free", "v25.encoded", "v25.recounted"}
    for figures in speed.values():
        assert min(figures.values()) > 0
        assert figures["recall10"] <= 1


def test_recounted_queries_have_the_same_pieces_with_other_weights(small, table):
    figures = read(small, "outputs/beir/prepared/val.json")
    costs = figures["cost"]
    assert costs["v25.recounted"] == costs["v25.inference_free"]
    assert f"| v25.recounted | {figures['v25.recounted']['ndcg10']:.3f}" in " ".join(table.split())
    runs = [small.folder / f"outputs/beir/prepared/val.v25.{way}.trec" for way in ("recounted", "inference_free")]
    scores = [[line.split()[4] for line in run.read_text().splitlines()] for run in runs]
    assert scores[0] != scores[1]


def test_others_compute_the_same_of_the_runs(small, table):
    qrels = list(ir_measures.read_trec_qrels(trec_qrels(small)))
    for folder, prefix, figures in (
        ("outputs/eval_v25/runs/val.", "", read(small, "metrics/eval.json")["val"]),
        ("outputs/beir/prepared/val.", "v25.", read(small, "outputs/beir/prepared/val.json")),
    ):
        for way in WAYS:
            run = list(ir_measures.read_trec_run(str(small.folder / f"{folder}{prefix}{way}.trec")))
            found = ir_measures.calc_aggregate([nDCG @ 10, RR @ 10], qrels, run)
            assert found[nDCG @ 10] == pytest.approx(figures[prefix + way]["ndcg10"], abs=1e-6)
            assert found[RR @ 10] == pytest.approx(figures[prefix + way]["mrr10"], abs=1e-6)


def trec_qrels(small) -> str:
    """The folder's judgements in TREC's own format."""
    lines = (small.folder / "data/prepared/qrels/val.tsv").read_text(encoding="utf-8").splitlines()[1:]
    path = small.folder / "outputs/val.qrels"
    path.write_text("".join("{} 0 {} {}\n".format(*line.split("\t")) for line in lines), encoding="utf-8")
    return str(path)


def test_what_the_report_reads_is_there(small):
    folder = "outputs/eval_v25/"
    queries = read(small, folder + "queries.json")
    assert queries["split"] == "val"
    assert set(queries["ndcg10"]) == {*WAYS, *BASELINES}
    mean = sum(queries["ndcg10"]["encoded"]) / len(queries["ids"])
    assert mean == pytest.approx(read(small, "metrics/eval.json")["val"]["encoded"]["ndcg10"], abs=1e-5)
    gains = read(small, folder + "gains.json")
    assert set(gains) == {"ndcg10", "mrr10", "recall1", "recall10", "recall100"}
    assert gains["ndcg10"] == read(small, "metrics/eval.json")["val"]["ndcg10_gain"]
    assert len(read(small, folder + "texts.json")) == 10
    pieces = read(small, folder + "pieces.json")
    assert sum(pieces["nnz"]["counts"]) == 24  # eval.sparsity_documents
    assert set(read(small, folder + "examples.json")) == {"winners", "losers"}
    rows = (small.folder / "metrics/pruning.tsv").read_text().splitlines()
    assert rows[0].split("\t") == ["max_ratio", "document_nnz", "index_bytes", "inference_free", "encoded"]
    sizes = [int(row.split("\t")[2]) for row in rows[1:]]
    assert sizes == sorted(sizes, reverse=True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--beir", "nowhere", "--model", "huggingface/v25/best"), "nowhere/corpus.jsonl not found"),
        (("--beir", "data/prepared", "--model", "nowhere"), "nowhere: not an exported model"),
        (
            ("--beir", "data/prepared", *(part for name in ("a/one", "b/two", "c/two") for part in ("--model", name))),
            "two folders are called two.",
        ),
        (("--beir", "data/prepared", "--split", "dev", "--model", "x"), "data/prepared/qrels/dev.tsv not found"),
    ],
)
def test_bad_folders_are_one_line(small, arguments, message):
    done = small.run("python", "-m", "kosplade.tools.beir", "--split", "val", *arguments, check=False)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr
