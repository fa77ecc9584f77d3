"""What several training processes share: the rows of all of them, as if one process had the whole batch.

Every process computes the same loss from the rows of all; only its own rows carry a gradient back. One process, without
a process group, passes through unchanged.
"""

import os

import torch
import torch.distributed as dist
from torch import Tensor


def is_first() -> bool:
    """Whether this process writes files and speaks; read from the launcher's environment, so true without one."""
    return os.environ.get("RANK", "0") == "0"


def count() -> int:
    """Number of training processes, from the launcher's environment."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def barrier() -> None:
    """Wait for all processes."""
    if count() > 1:
        dist.barrier()


def gather_rows(local_NX: Tensor) -> Tensor:
    """The rows of all processes, in the order of their ranks; each process brings the same shape [N, X].

    Data-parallel training averages the gradients of the processes. The loss here is that of the global batch already,
    so the gradient of the local rows is multiplied by the number of processes: averaging then gives their sum.
    """
    world = count()
    if world == 1:
        return local_NX
    sent_NX = local_NX.detach().contiguous()
    sent_NX = sent_NX.to(torch.uint8) if sent_NX.dtype == torch.bool else sent_NX
    parts = [torch.empty_like(sent_NX) for _ in range(world)]
    dist.all_gather(parts, sent_NX)
    parts = [part.to(local_NX.dtype) for part in parts]
    if local_NX.requires_grad:
        scaled_NX = local_NX.clone()
        scaled_NX.register_hook(lambda gradient: gradient * world)
        parts[dist.get_rank()] = scaled_NX
    return torch.cat(parts)


def widened(local_NX: Tensor) -> Tensor:
    """The rows filled up with copies of their first number to the widest X of all processes, for `gather_rows`."""
    if count() == 1:
        return local_NX
    widest = torch.tensor(local_NX.shape[1], device=local_NX.device)
    dist.all_reduce(widest, dist.ReduceOp.MAX)
    return torch.cat([local_NX, local_NX[:, :1].expand(-1, int(widest) - local_NX.shape[1])], dim=1)


def gather_documents(local_NX: Tensor, queries: int) -> Tensor:
    """As `gather_rows` for documents: the positives (first `queries` rows) of all processes, then their other rows."""
    return torch.cat([gather_rows(local_NX[:queries]), gather_rows(local_NX[queries:])])
