"""The sparse encoder, its max-pooling head and what counts the pieces of a text."""

from kosplade.model.encoder import SparseEncoder
from kosplade.model.head import max_pool_head
from kosplade.model.occurrences import Counting, Occurrences

__all__ = ["Counting", "Occurrences", "SparseEncoder", "max_pool_head"]
