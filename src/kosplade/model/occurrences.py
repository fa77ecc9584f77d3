"""How the weights of a document change with how often a piece stands in its text, and in how long a text.

The maximum over the positions forgets how often a word occurs, and a rare word that the training never saw may fall
silent. What mends both is a function of the ids of the text alone.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from kosplade.params import Params
from kosplade.vocab.tables import Tables


@dataclass(frozen=True)
class Counting:
    """Settings as an export carries them in config.json.

    `k1`, `b` and `mean_length` (pieces, special ones included) are those of BM25; k1 0 counts nothing. A piece's floor
    is `floor_per_idf` times its IDF, and an encoded query adds `query_idf` times the IDF of its own pieces. Expansions
    below `least` times the largest weight of the document that is served are dropped.
    """

    k1: float = 0.0
    b: float = 0.0
    mean_length: float = 1.0
    floor_per_idf: float = 0.0
    least: float = 0.0
    query_idf: float = 0.0


def counting_of(params: Params, tables: Tables) -> Counting:
    """What documents pass in training, as params.yaml says. No expansion is dropped there: it could never grow.

    V24 knows no IDF, so it has no floor.
    """
    own = params.occurrences
    return Counting(
        k1=own.k1,
        b=own.b,
        mean_length=min(tables.mean_length, params.model.max_document_length),  # no text is read further
        floor_per_idf=float(params.loss.idf_weighting) * own.floor / float(tables.idf_V.max()),
    )


def served_counting(params: Params, tables: Tables) -> Counting:
    """The same for an index, which pays for each expansion: small ones are dropped. V24's queries add no IDF."""
    own, has_idf = params.occurrences, float(params.loss.idf_weighting)
    return replace(counting_of(params, tables), least=own.least, query_idf=has_idf * own.query_idf)


class Occurrences(nn.Module):
    """Turns pooled weights of documents into those that an index holds.

    max(weight, floor) * (k1 + 1) tf / (tf + k1 (1 - b + b L / mean L)): the share of the document in BM25's score
    (Robertson and Zaragoza 2009, eq. 3.15). A piece that the text does not hold has no floor, counts as if once, and is
    dropped below `least` times the largest of these: an index pays for each expansion, and the small ones move nothing.
    `query_weight_V` (float32) is what each piece weighs in an inference-free query, 0 where it is not served. Compiled
    by `torch.jit.script` too, so in its Python only.
    """

    def __init__(self, counting: Counting, query_weight_V: Tensor):
        super().__init__()
        self.k1, self.b, self.mean_length = counting.k1, counting.b, counting.mean_length
        self.least = counting.least
        self.register_buffer("served_V", query_weight_V > 0, persistent=False)
        self.register_buffer("floor_V", counting.floor_per_idf * query_weight_V, persistent=False)

    def forward(self, weights_BP: Tensor, ids_BL: Tensor, mask_BL: Tensor, pieces_P: Tensor | None = None) -> Tensor:
        """Weights [B, P] of documents from the pooled ones, in the same dtype; `pieces_P` as in `SparseEncoder`."""
        is_real_BL = mask_BL > 0
        same_BLL = (ids_BL.unsqueeze(2) == ids_BL.unsqueeze(1)) & is_real_BL.unsqueeze(1)
        tf_BL = same_BLL.sum(2).to(weights_BP.dtype)
        length_B1 = is_real_BL.sum(1, keepdim=True).to(weights_BP.dtype)
        norm_B1 = self.k1 * (1 - self.b + self.b * length_B1 / self.mean_length)
        floor_P, served_P, pieces = self.floor_V, self.served_V, self.floor_V.size(0)
        column_BL = ids_BL
        if pieces_P is not None:
            floor_P, served_P, pieces = self.floor_V[pieces_P], self.served_V[pieces_P], pieces_P.size(0)
            column_V = torch.full_like(self.floor_V, pieces, dtype=torch.int64)
            column_V[pieces_P] = torch.arange(pieces, device=pieces_P.device)
            column_BL = column_V[ids_BL]
        # One column more, for padding and for what is not asked for.
        tf_BP = weights_BP.new_zeros([ids_BL.size(0), pieces + 1])
        tf_BP = tf_BP.scatter_(1, torch.where(is_real_BL, column_BL, pieces), tf_BL)[:, :pieces]
        is_own_BP = tf_BP > 0
        is_short_BP = is_own_BP & (weights_BP < floor_P)
        kept_BP = torch.where(is_short_BP, floor_P.to(weights_BP.dtype), weights_BP)
        tf_BP = tf_BP.clamp(min=1)
        counted_BP = kept_BP * (self.k1 + 1) * tf_BP / (tf_BP + norm_B1)
        if self.least > 0:
            limit_B1 = self.least * (counted_BP * served_P).amax(1, keepdim=True)
            counted_BP = counted_BP * (is_own_BP | (counted_BP >= limit_B1))
        return counted_BP
