"""The model that makes queries for a `sparse_vector` field on a server: a TorchScript file of the IDF by rank.

ml-commons' SPARSE_TOKENIZE, which makes them for `rank_features`, would name the ids of pieces there. Of a
SPARSE_ENCODING model it names the places of the output, so this one has a place for each rank and none for other
pieces. Its interface is that of `kosplade.export.torchscript`.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from kosplade.export.seismic import Ranks
from kosplade.export.torchscript import in_own_process, save


def write_rank_query(query_weight_V: np.ndarray, ranks: Ranks, target: Path) -> None:
    """Write the model as the TorchScript file `target`; equal weights and ranks give equal bytes."""
    in_own_process(_write, query_weight_V, ranks, target)


def _write(query_weight_V: np.ndarray, ranks: Ranks, target: Path) -> None:
    save(torch.jit.script(_Query(query_weight_V, ranks)), target)


class _Query(nn.Module):
    def __init__(self, query_weight_V: np.ndarray, ranks: Ranks):
        super().__init__()
        last = len(ranks.piece_R)  # one place more, for pieces without a rank
        self.register_buffer("place_V", torch.from_numpy(np.where(ranks.rank_V < 0, last, ranks.rank_V)).int())
        self.register_buffer("weight_R", torch.from_numpy(query_weight_V[ranks.piece_R]))

    def forward(self, input: dict[str, Tensor]) -> dict[str, Tensor]:
        ids_BL = input["input_ids"]
        is_there_BR = torch.zeros([ids_BL.size(0), self.weight_R.size(0) + 1]).scatter_(
            1, self.place_V[ids_BL].long(), 1
        )
        return {"output": is_there_BR[:, :-1] * self.weight_R}
