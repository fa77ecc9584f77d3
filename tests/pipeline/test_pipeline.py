"""The whole pipeline in a temporary clone: it runs, repeats itself exactly, and a change reruns what it should."""

import json

import pytest
import torch
from pipeline.copies import ran, stages
from transformers import AutoModelForMaskedLM, AutoTokenizer

AFTER_TRAIN = {"train", "eval", "convert"}
LEARNING = {"verify", "train"}
ALL = set(stages())
CHANGES = (  # stages that run for a reason of their own; what follows them runs if their outs changed
    ("machine.num_workers", 1, set()),
    ("stopword_penalty", 8, LEARNING),
    ("lambda_flops", 0.5, LEARNING),
    ("idf_alpha", 1.0, LEARNING),
    ("seed", 1, LEARNING),
    ("loss.margin_size", 0.5, LEARNING),
    ("loss.idf_prior", 0.0, {"idf"} | LEARNING),
    ("train.weight_decay", 0.5, LEARNING),
    ("train.epochs", 3, {"train"}),
    ("train.trained_layers", 2, LEARNING),
    ("verify.samples", 32, {"verify"}),
    ("occurrences.query_idf", 3.0, {"eval", "convert"}),
    ("eval.depth", 120, {"baselines", "eval"}),
    ("eval.sparsity_documents", 12, {"eval"}),
    ("export.opensearch", True, {"convert"}),
    ("teacher.max_length", 16, {"teacher", "baselines"}),
    ("data.val_queries", 11, {"prepare"}),
    ("model.num_layers", 2, {"backbone", "convert"}),
)
FILES = (  # a line more in a file
    ("data/stopwords_ko.txt", {"stopwords"}),
    ("data/v24.0/train_mine.jsonl", {"prepare"}),
    ("data/collection/more/documents.jsonl", {"idf"}),
    ("data/models/tiny/config.json", {"backbone", "teacher", "baselines"}),
    ("requirements.txt", ALL),
    ("src/kosplade/records/text.py", ALL - {"backbone", "stopwords"}),
    ("src/kosplade/analysis/views.py", {"eval"}),
    ("src/kosplade/files.py", set()),
    ("src/kosplade/report/summary.py", set()),
)


def test_outs_have_the_names_of_the_guide(small):
    for name in (
        "data/prepared/corpus.jsonl",
        "data/train.arrow",
        "outputs/idf_weights/xlmr_v25_idf.pt",
        "outputs/idf_weights/xlmr_stopword_mask.pt",
        "outputs/train_v25/model.safetensors",
        "huggingface/v25/best/idf.json",
        "huggingface/v25/best/README.md",
        "metrics/train/metrics.json",
    ):
        assert (small.folder / name).stat().st_size > 0, name


def test_nothing_changed_reruns_nothing(small):
    assert small.repro() == set()


def test_metrics_and_curves_are_complete(small):
    metrics = small.metrics()
    assert set(metrics["eval.json"]["val"]["bm25"]) == {"ndcg10", "mrr10", "recall1", "recall10", "recall100"}
    assert 0 < metrics["eval.json"]["val"]["inference_free"]["ndcg10"] <= 1
    assert metrics["verify.json"]["loss_last"] < metrics["verify.json"]["loss_first"]
    curves = small.folder / "metrics/train/plots/metrics"
    names = {path.stem for path in curves.glob("*.tsv")}
    assert names >= {"loss", "learning_rate", "flops_document", "flops_query", "distillation", "infonce_encoded"}
    assert names >= {"infonce_inference_free", "query_nnz", "document_nnz", "stopword_activation", "semantic_ratio"}
    steps = [int(line.split("\t")[0]) for line in (curves / "loss.tsv").read_text().splitlines()[1:]]
    assert steps == [1, *range(2, 19, 2)]


def test_the_export_loads_in_transformers_and_masks(small):
    folder = small.folder / "huggingface/v25/best"
    model, report = AutoModelForMaskedLM.from_pretrained(folder, output_loading_info=True)
    assert not report["missing_keys"]
    tokenizer = AutoTokenizer.from_pretrained(folder)
    inputs = tokenizer("위탁연구비를 언제 정산하나요?", return_tensors="pt")
    with torch.inference_mode():
        weights_V = torch.log1p(torch.relu(model(**inputs).logits.amax(dim=1)))[0]
    mask_V = torch.load(small.folder / "outputs/idf_weights/xlmr_stopword_mask.pt", weights_only=True)
    assert weights_V[mask_V].max() == 0
    assert weights_V.max() > 0
    idf = json.loads((folder / "idf.json").read_text(encoding="utf-8"))
    assert len(idf) == len(tokenizer)
    assert idf["을"] == 0
    assert idf["▁정산"] > 0


@pytest.mark.parametrize(("key", "value", "expected"), CHANGES)
def test_a_parameter_reruns_the_stages_that_read_it(small, key, value, expected):
    file = small.folder / "params.yaml"
    before = file.read_bytes()
    small.set(key, value)
    try:
        assert small.changed() == expected
    finally:
        file.write_bytes(before)


@pytest.mark.parametrize(("name", "expected"), FILES)
def test_a_file_reruns_the_stages_that_depend_on_it(small, name, expected):
    file = small.folder / name
    before = file.read_bytes()
    file.unlink()  # it may be a link into DVC's cache
    file.write_bytes(before + b"\n")
    try:
        assert small.changed() == expected
    finally:
        file.write_bytes(before)


def test_a_forced_second_run_writes_equal_metrics(small):
    before = small.metrics()
    assert small.repro("--force", "--no-run-cache", "--downstream", "verify") == {"verify"} | AFTER_TRAIN
    assert small.metrics() == before
    assert small.git("status", "--porcelain") == ""


def test_an_experiment_reruns_training_changes_the_result_and_is_undone(small):
    before = small.metrics()
    out = small.run("dvc", "exp", "run", "-n", "penalty", "-S", "stopword_penalty=8").stdout
    assert ran(out) == {"verify"} | AFTER_TRAIN
    assert small.metrics()["sparsity.json"]["stopword_activation"] != before["sparsity.json"]["stopword_activation"]
    assert "stopword_penalty" in small.run("dvc", "params", "diff").stdout
    assert "stopword_activation" in small.run("dvc", "metrics", "diff").stdout
    small.restore()
    assert small.metrics() == before
    assert small.repro() == set()
