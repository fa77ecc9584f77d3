"""The head alone, forward and backward: ours, plain autograd, and sentence-transformers' module.

    PYTHONPATH=src python benchmarks/head.py --batches 1,2,4,8 --length 128 --json head.json

Equal for all three: random hidden states [batch, length, width] of unit variance, no padding, the decoder matrix of
data/backbone (random where there is none), one bias for all pieces, chosen so that `--active` of them have a weight
above zero (backward touches nothing else), a random gradient [batch, V], and gradients for states, matrix and bias.

- ours: `kosplade.model.max_pool_head`;
- plain: logits [batch, length, V], maximum, relu, log1p, by autograd;
- sentence-transformers: the decoder's logits [batch, length, V] into its `SpladePooling`, in training mode.

The check is the norm of the gradient of the states. Each is a fresh process; peak_gib is its resident set, base_gib
what of that was there before the first forward: imports and the matrix.
"""

import statistics
import sys
from pathlib import Path

import measure
from measure import Comparison

BACKBONE = Path("data/backbone")
PEER = "sentence-transformers"
WAYS = ("ours", "plain", PEER)
COMPARISONS = (Comparison("ours", PEER, identical=True), Comparison("ours", "plain", identical=True))
FIGURES = ["texts_per_second", "forward_seconds", "backward_seconds", "peak_gib", "base_gib", "cuda_gib"]
# In bfloat16 many positions tie for the maximum, and each way may send the gradient to another of them.
TOLERANCE = {"float32": 1e-3, "bfloat16": 5e-2}


def measure_way(
    mode: str,
    batch: int,
    length: int,
    steps: int,
    dtype: str,
    active: float,
    frozen: bool,
    chunk_size: int | None,
    device: str,
    memory_gib: float,
) -> measure.Result:
    """The child: medians over `steps` of one way at one batch size."""
    # Imported here: the parent needs neither.
    import torch
    from torch.nn.functional import linear

    from device import now, open_device, peaks
    from kosplade.model import SparseEncoder, max_pool_head

    place = open_device(device, memory_gib)
    torch.manual_seed(0)
    if BACKBONE.exists():
        weight_VD = SparseEncoder.load(BACKBONE).decoder.weight.detach()
    else:
        weight_VD = 0.08 * torch.randn(250_002, 384)
    hidden_BLD = torch.randn(batch, length, weight_VD.shape[1])
    mask_BL = torch.ones(batch, length, dtype=torch.int64)
    grad_BV = torch.rand(batch, len(weight_VD))
    # Weights are increasing in the bias, so its quantile over one text's maxima sets the share above zero.
    lifted_1V = max_pool_head(hidden_BLD[:1], mask_BL[:1], weight_VD, torch.full((len(weight_VD),), 100.0))
    ordered_V = lifted_1V[0].expm1().sort(descending=True).values - 100
    bias_V = torch.full((len(weight_VD),), -ordered_V[min(int(active * len(ordered_V)), len(ordered_V) - 1)].item())

    hidden_BLD, weight_VD, bias_V, grad_BV = (
        x.to(place, getattr(torch, dtype)) for x in (hidden_BLD, weight_VD, bias_V, grad_BV)
    )
    mask_BL = mask_BL.to(place)
    leaves = [hidden_BLD, bias_V] if frozen else [hidden_BLD, weight_VD, bias_V]
    for leaf in leaves:
        leaf.requires_grad_(True)

    def plain() -> torch.Tensor:
        return torch.log1p(torch.relu(linear(hidden_BLD, weight_VD, bias_V).max(dim=1).values))

    def peer() -> torch.Tensor:
        features = {"token_embeddings": linear(hidden_BLD, weight_VD, bias_V), "attention_mask": mask_BL}
        return pooling(features)["sentence_embedding"]

    if mode == PEER:
        from sentence_transformers.sparse_encoder.modules import SpladePooling

        pooling = SpladePooling(pooling_strategy="max", chunk_size=chunk_size).train()
    forward = {"ours": lambda: max_pool_head(hidden_BLD, mask_BL, weight_VD, bias_V), "plain": plain, PEER: peer}[mode]
    base_gib, times = measure.resident_peak_gib(), []
    for _ in range(steps + 1):
        for leaf in leaves:
            leaf.grad = None
        started = now()
        weights_BV = forward()
        between = now()
        weights_BV.backward(grad_BV)
        times.append((between - started, now() - between))
        del weights_BV
    forward_seconds, backward_seconds = (statistics.median(column) for column in zip(*times[1:], strict=True))
    return {
        "texts_per_second": batch / statistics.median(map(sum, times[1:])),
        "forward_seconds": forward_seconds,
        "backward_seconds": backward_seconds,
        "base_gib": base_gib,
        "check": hidden_BLD.grad.double().norm().item(),
        **peaks(),
    }


def main() -> None:
    options = measure.parser("The head alone: ours, plain autograd and sentence-transformers.", batches="1,2,4,8,16,32")
    options.add_argument("--length", type=int, default=128, help="positions of a text")
    options.add_argument("--dtype", choices=tuple(TOLERANCE), default="float32", help="of states and decoder")
    options.add_argument("--active", type=float, default=0.01, help="share of the pieces with a weight above zero")
    options.add_argument("--frozen", action="store_true", help="no gradient for the decoder's matrix")
    options.add_argument("--chunk-size", type=int, default=None, help="chunk_size of the peer's SpladePooling")
    arguments = options.parse_args()
    if arguments.child:
        measure.emit(measure_way, arguments.child)
        return
    shared = {key: getattr(arguments, key) for key in ("length", "steps", "dtype", "active", "frozen", "chunk_size")}
    results = measure.sweep(WAYS, arguments.batches, measure.runner(__file__, arguments, shared))
    rows = measure.compare(results, COMPARISONS, FIGURES, [arguments.length])
    measure.finish(rows, measure.environment(arguments, results), arguments.json, TOLERANCE[arguments.dtype])


if __name__ == "__main__":
    sys.exit(main())
