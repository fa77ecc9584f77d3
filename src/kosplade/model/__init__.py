"""The sparse encoder and its max-pooling head."""

from kosplade.model.encoder import SparseEncoder
from kosplade.model.head import max_pool_head

__all__ = ["SparseEncoder", "max_pool_head"]
