"""The whole pipeline in a temporary clone: it runs, repeats itself exactly, and a change reruns what it should."""

import hashlib
import json

import pytest
import torch
from transformers import AutoModelForMaskedLM, AutoTokenizer

AFTER_TRAIN = {"train", "eval", "convert"}


def test_outs_have_the_names_of_the_guide(small):
    for name in (
        "data/v24.0/train_mine.jsonl",
        "data/v24.0/corpus.jsonl",
        "data/train.arrow",
        "outputs/idf_weights/xlmr_v25_idf.pt",
        "outputs/idf_weights/xlmr_stopword_mask.pt",
        "outputs/train_v25/model.safetensors",
        "huggingface/v25/best/model.safetensors.index.json",
        "huggingface/v25/best/idf.json",
        "huggingface/v25/best/README.md",
        "metrics/train/metrics.json",
    ):
        assert (small.folder / name).stat().st_size > 0, name


def test_nothing_changed_reruns_nothing(small):
    assert small.repro() == set()
    assert small.run("dvc", "repro", "--dry", "--allow-missing").returncode == 0


def test_metrics_and_curves_are_complete(small):
    metrics = small.metrics()
    assert set(metrics["eval.json"]["val"]["bm25"]) == {"ndcg10", "mrr10", "recall1", "recall10", "recall100"}
    assert 0 < metrics["eval.json"]["val"]["inference_free"]["ndcg10"] <= 1
    assert metrics["verify.json"]["masked_pieces"] == 163
    assert metrics["verify.json"]["loss_last"] < metrics["verify.json"]["loss_first"]
    curves = small.folder / "metrics/train/plots/metrics"
    names = {path.stem for path in curves.glob("*.tsv")}
    assert names >= {"loss", "learning_rate", "flops_document", "flops_query", "distillation", "infonce_encoded"}
    assert names >= {"infonce_inference_free", "query_nnz", "document_nnz", "stopword_activation", "semantic_ratio"}
    steps = [int(line.split("\t")[0]) for line in (curves / "loss.tsv").read_text().splitlines()[1:]]
    assert steps[-1] == 12
    assert steps == sorted(set(steps))


def test_the_export_loads_in_transformers_and_masks(small):
    folder = small.folder / "huggingface/v25/best"
    model, report = AutoModelForMaskedLM.from_pretrained(folder, output_loading_info=True)
    assert not report["missing_keys"]
    tokenizer = AutoTokenizer.from_pretrained(folder)
    inputs = tokenizer("연구개발비를 어떻게 정산합니까?", return_tensors="pt")
    with torch.inference_mode():
        weights_V = torch.log1p(torch.relu(model(**inputs).logits.amax(dim=1)))[0]
    mask_V = torch.load(small.folder / "outputs/idf_weights/xlmr_stopword_mask.pt", weights_only=True)
    assert weights_V[mask_V].max() == 0
    assert weights_V.max() > 0
    idf = json.loads((folder / "idf.json").read_text(encoding="utf-8"))
    assert len(idf) == len(tokenizer)
    assert idf["을"] == 0
    assert idf["▁연구"] > 0


def test_what_opensearch_needs_is_written_where_it_is_wanted(small):
    folder = small.folder / "huggingface/v25/best/opensearch"
    assert not folder.exists()
    small.set("export.opensearch", True)
    assert small.repro() == {"convert"}
    for name in ("document_model", "query_model"):
        config = json.loads((folder / f"{name}.json").read_text())
        data = (folder / f"{name}.zip").read_bytes()
        assert config["model_content_size_in_bytes"] == len(data)
        assert config["model_content_hash_value"] == hashlib.sha256(data).hexdigest()
    assert "카드 결제 취소" in (folder / "README.md").read_text(encoding="utf-8")
    small.restore()
    assert not folder.exists()


@pytest.mark.parametrize(
    ("key", "value", "stages"),
    [
        ("stopword_penalty", 8, {"verify", "train"}),
        ("lambda_flops", 0.5, {"verify", "train"}),
        ("idf_alpha", 1.0, {"verify", "train"}),
        ("loss.margin", 0.5, {"verify", "train"}),
        ("loss.idf_prior", 0.0, {"verify", "train", "eval", "convert"}),
        ("train.weight_decay", 0.5, {"verify", "train"}),
        ("train.epochs", 3, {"train"}),
        ("verify.samples", 32, {"verify"}),
        ("eval.depth", 120, {"baselines", "eval"}),
        ("eval.sparsity_documents", 12, {"eval"}),
        ("export.opensearch", True, {"convert"}),
        ("machine.idf_batch_size", 7, set()),
        ("teacher.max_length", 16, {"teacher", "baselines"}),
        ("data.val_queries", 11, {"prepare"}),
        ("model.num_layers", 2, {"backbone", "convert"}),
    ],
)
def test_a_parameter_changes_the_stages_that_read_it(small, key, value, stages):
    before = (small.folder / "params.yaml").read_text(encoding="utf-8")
    small.set(key, value)
    try:
        assert small.changed() == stages
    finally:
        (small.folder / "params.yaml").write_text(before, encoding="utf-8")


def test_the_word_list_changes_the_mask_and_what_follows_it(small):
    words = small.folder / "data/stopwords_ko.txt"
    before = words.read_text(encoding="utf-8")
    words.write_text(before + "연구\n", encoding="utf-8")
    try:
        assert small.changed() == {"stopwords"}
    finally:
        words.write_text(before, encoding="utf-8")


def test_a_forced_second_run_writes_equal_metrics(small):
    before = small.metrics()
    assert small.repro("--force", "--no-run-cache", "--downstream", "verify") == {"verify"} | AFTER_TRAIN
    assert small.metrics() == before


def cache_size(clone) -> int:
    """Bytes in DVC's cache."""
    return sum(path.stat().st_size for path in (clone.folder / ".dvc/cache/files").rglob("*") if path.is_file())


def test_a_penalty_reruns_training_as_an_experiment_and_changes_the_result(small):
    before, cached = small.metrics(), cache_size(small)
    out = small.run("dvc", "exp", "run", "-n", "penalty", "-S", "stopword_penalty=50").stdout
    ran = {line.split("'")[1] for line in out.splitlines() if line.startswith("Running stage")}
    assert ran == {"verify"} | AFTER_TRAIN
    after = small.metrics()
    assert after["sparsity.json"]["stopword_activation"] != before["sparsity.json"]["stopword_activation"]
    # The frozen embeddings, 384 MB, are a file of the export that is the same in every experiment: kept once.
    assert 0 < cache_size(small) - cached < 30_000_000
    assert "stopword_penalty" in small.run("dvc", "params", "diff").stdout
    assert "stopword_activation" in small.run("dvc", "metrics", "diff").stdout
    small.restore()
    assert small.metrics() == before


def test_training_data_changes_all_but_backbone_and_stopwords(small):
    data = small.folder / "data/v24.0/train_mine.jsonl"
    text = data.read_text(encoding="utf-8")
    extra = {"query": "정부납부기술료는 어떻게 내나요?", "positive": "정부납부기술료는 전문기관에 납부합니다."}
    data.unlink()  # the file may be a link into DVC's cache
    data.write_text(text + json.dumps(extra, ensure_ascii=False) + "\n", encoding="utf-8")
    try:
        assert small.changed() == {"prepare", "baselines", "eval", "convert"}
        assert small.repro("prepare") == {"prepare"}
        assert small.changed() == {"idf", "teacher", "verify", "baselines"} | AFTER_TRAIN
    finally:
        small.restore()
    assert small.repro() == set()
