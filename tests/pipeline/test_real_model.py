"""The embedded model and teacher, cut down to one layer and a few steps: what the README promises, end to end."""

import pytest
import torch
from pipeline.conftest import SMALL, make_small
from pipeline.copies import Clone
from sentence_transformers import SparseEncoder
from transformers import AutoModelForMaskedLM, AutoTokenizer

pytestmark = pytest.mark.full
OWN = {"lambda_flops", "model.name", "teacher.name", "train.learning_rate", "export.opensearch"}  # of params.yaml
QUERY = "연구개발비를 어떻게 정산합니까?"


@pytest.fixture(scope="module")
def real(tmp_path_factory) -> Clone:
    settings = {key: value for key, value in SMALL.items() if key not in OWN}
    # A real model begins well, and its loss may rise while the FLOPS weight does: some steps show that it learns.
    settings |= {"train.max_steps": -1, "verify.samples": 144, "verify.epochs": 4, "lambda_flops": 0.02}
    return make_small(tmp_path_factory.mktemp("real") / "repository", settings)


def test_it_learns_and_masks_the_pieces_of_the_guide(real):
    metrics = real.metrics()
    assert metrics["verify.json"]["masked_pieces"] == 163
    assert metrics["verify.json"]["loss_last"] < metrics["verify.json"]["loss_first"]
    assert 0 < metrics["eval.json"]["val"]["inference_free"]["ndcg10"] <= 1


def test_transformers_and_sentence_transformers_load_the_export(real):
    folder = real.folder / "huggingface/v25/best"
    model, report = AutoModelForMaskedLM.from_pretrained(folder, output_loading_info=True)
    assert not report["missing_keys"]
    tokenizer = AutoTokenizer.from_pretrained(folder)
    with torch.inference_mode():
        weights_V = torch.log1p(torch.relu(model(**tokenizer(QUERY, return_tensors="pt")).logits.amax(dim=1)))[0]
    mask_V = torch.load(real.folder / "outputs/idf_weights/xlmr_stopword_mask.pt", weights_only=True)
    assert weights_V[mask_V].max() == 0
    assert weights_V.max() > 0
    theirs_V = SparseEncoder(str(folder), device="cpu").encode_document([QUERY], convert_to_sparse_tensor=False)[0]
    torch.testing.assert_close(theirs_V, weights_V, rtol=1e-3, atol=1e-3)


def test_two_trainings_share_the_frozen_embeddings_in_the_cache(real):
    """384 MB, a file of the export that is the same whatever was trained."""

    def cached() -> int:
        files = (real.folder / ".dvc/cache/files").rglob("*")
        return sum(path.stat().st_size for path in files if path.is_file())

    before = cached()
    real.set("seed", 43)
    real.set("export.opensearch", False)
    assert real.repro("--single-item", "train", "convert") == {"train", "convert"}
    assert 0 < cached() - before < 30_000_000
