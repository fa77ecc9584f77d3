"""A batch that does not fit into the memory of a GPU: cut into parts, or an error that says what to lower."""

import torch
from torch import Tensor

from kosplade.errors import UserError


def split_batch(batch: dict[str, Tensor], parts: int) -> list[dict[str, Tensor]]:
    """Cut a batch (see `Collator`) into `parts` of as equally many queries as possible, each with its own documents."""
    queries = len(batch["query_ids"])
    hard = len(batch["document_ids"]) // queries - 1
    out = []
    for part in torch.arange(queries).tensor_split(parts):
        negatives = queries + (part.unsqueeze(1) * hard + torch.arange(hard)).flatten()
        rows = {"query": part, "document": torch.cat([part, negatives])}
        out.append({name: value[rows[_side(name)].to(value.device)] for name, value in batch.items()})
    return out


def _side(name: str) -> str:
    return "query" if "query" in name else "document"


def smaller_parts(parts: int, queries: int, *, hard_negatives: int, auto_batch: bool, processes: int) -> int:
    """Twice as many parts, at most as many as leave each query another document than its own.

    Raises UserError where that is switched off or impossible.
    """
    remedy = (
        "Set train.batch_size to half and train.gradient_accumulation_steps to twice their values, "
        "or lower model.max_document_length."
    )
    if not auto_batch:
        raise UserError(f"GPU out of memory with train.batch_size {queries}. {remedy}")
    if processes > 1:
        # The other processes are already waiting for this one's rows.
        raise UserError(f"GPU out of memory with train.batch_size {queries} in one of {processes} processes. {remedy}")
    most = queries if hard_negatives else queries // 2
    if parts >= most:
        smallest = "a single query and its documents" if hard_negatives else "two queries and their documents"
        raise UserError(f"GPU out of memory with {smallest}. Lower model.max_document_length.")
    return min(parts * 2, most)
