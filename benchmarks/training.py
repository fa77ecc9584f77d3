"""Training: ours beside sentence-transformers' `SparseEncoderTrainer` with its own `SpladeLoss`, side by side.

    PYTHONPATH=src python benchmarks/training.py --batches 8,16,32 --lengths 128 --json training.json
    PYTHONPATH=src python benchmarks/training.py --largest --batches 8 --lengths 128 --json largest.json

Equal for both:

- data/backbone (weights, tokenizer), float32, dropout off, the records of data/train.arrow in the same order, the same
  batches, the same longest query and document; a batch is padded to its longest text. Texts are joined until they fill
  their length, `--as-is` leaves them as they come;
- the loss: InfoNCE on the dot products of encoded queries and documents with in-batch negatives, divided by
  `loss.temperature_encoded`, plus `lambda_flops` times FLOPS of the queries and of the documents, constant from the
  first step (the peer's schedule of the regularisers is removed, ours is 0 steps long). Off on our side:
  inference-free queries, distillation, IDF, the stopword mask, and special pieces stay in the score;
- AdamW (each library's own choice of implementation), one learning rate, linear decay without warm-up, the same weight
  decay and clipping, no accumulation; the loss is logged at every step.

Ours in three modes: `every` computes all 250,002 pieces at each step, which is the identical function, with the word
embeddings frozen; `every-trained` trains them too; `sampled` draws `train.sampled_pieces` of the pieces that the corpus
lacks. The peer in two: `peer-trained`, as it comes, and `peer-frozen`. The check is the loss of the first step; it must
agree where the function is the same. The last loss agrees too where the same weights are trained.

A step counts whole: reading, tokenising, forward, backward, update, logging. Medians over the timed steps; each
configuration is a fresh process, and peak_gib is its resident set, imports and weights included.
"""

import sys
from collections.abc import Callable
from typing import Any

import measure
from measure import Comparison

MODES = {  # what `trainers.measure_training` takes
    "every": {"peer": False, "every_piece": True, "embeddings": False},
    "every-trained": {"peer": False, "every_piece": True, "embeddings": True},
    "sampled": {"peer": False, "every_piece": False, "embeddings": False},
    "peer-trained": {"peer": True, "every_piece": True, "embeddings": True},
    "peer-frozen": {"peer": True, "every_piece": True, "embeddings": False},
}
COMPARISONS = (
    Comparison("every", "peer-trained", identical=True),
    Comparison("every", "peer-frozen", identical=True),
    Comparison("every-trained", "peer-trained", identical=True),
    Comparison("sampled", "peer-trained", identical=False),
    Comparison("sampled", "peer-frozen", identical=False),
)
FIGURES = ["pairs_per_second", "step_seconds", "peak_gib", "cuda_gib", "last_loss"]
TOLERANCE = 1e-3
LARGEST_FACTOR = 16  # ours is not tried beyond this multiple of the peer's largest batch


def measure_training(**spec: Any) -> measure.Result:
    """The child; imported here so that the parent stays small."""
    from trainers import measure_training

    return measure_training(**spec)


def find_largest(
    run: Callable[..., measure.Result], comparisons: list[Comparison], start: int, lengths: list[int]
) -> tuple[list[dict], dict]:
    """Rows with the largest batch of each mode, and the results of every child by batch.

    Two steps each: the optimiser's state exists from the second on.
    """
    found, results = {}, {}

    def grow(mode: str, first: int, ceiling: int) -> None:
        def attempt(batch: int) -> measure.Result:
            result = results.setdefault(batch, {})[mode] = run(mode, batch, steps=1)
            return result

        found[mode] = measure.largest(attempt, first, ceiling)

    for mode in dict.fromkeys(pair.peer for pair in comparisons):
        grow(mode, start, sys.maxsize)
    best = max(max(batch for batch, _ in found.values()), start)
    for mode in dict.fromkeys(pair.ours for pair in comparisons):
        grow(mode, best, LARGEST_FACTOR * best)
    rows = []
    for pair in comparisons:
        (ours, our_stop), (peer, peer_stop) = found[pair.ours], found[pair.peer]
        figures = measure.side_by_side({"largest_batch": ours}, {"largest_batch": peer}, ["largest_batch"])
        row = {"mode": pair.ours, "peer": pair.peer, "batch": None, "length": lengths, "measure": figures}
        rows.append(row | {"stopped": {"ours": our_stop, "peer": peer_stop}})
    return rows, results


def main() -> None:
    options = measure.parser("Training: ours and sentence-transformers, side by side.", batches="8,16,32")
    options.add_argument(
        "--lengths", type=measure.numbers, default="128", help="longest query and document, or one number for both"
    )
    options.add_argument("--as-is", action="store_true", help="records as they come, not joined to fill the length")
    options.add_argument("--modes", default="every,every-trained,sampled", help="ours, of these, separated by commas")
    options.add_argument("--largest", action="store_true", help="find the largest batch instead, by doubling")
    arguments = options.parse_args()
    if arguments.child:
        measure.emit(measure_training, arguments.child)
        return
    if len(arguments.lengths) > 2:
        options.error("--lengths takes one number or two.")
    wanted = arguments.modes.split(",")
    if unknown := set(wanted) - {pair.ours for pair in COMPARISONS}:
        options.error(f"--modes: unknown mode {sorted(unknown)[0]!r}.")
    comparisons = [pair for pair in COMPARISONS if pair.ours in wanted]
    lengths = [arguments.lengths[0], arguments.lengths[-1]]
    child = measure.runner(__file__, arguments, {"lengths": lengths, "as_is": arguments.as_is})

    def run(mode: str, batch: int, steps: int = arguments.steps) -> measure.Result:
        return child(mode, batch, steps=steps, **MODES[mode])

    if arguments.largest:
        rows, results = find_largest(run, comparisons, max(arguments.batches), lengths)
    else:
        modes = dict.fromkeys(mode for pair in comparisons for mode in (pair.ours, pair.peer))
        results = measure.sweep(modes, arguments.batches, run)
        rows = measure.compare(results, comparisons, FIGURES, lengths)
    measure.finish(rows, measure.environment(arguments, results), arguments.json, TOLERANCE)


if __name__ == "__main__":
    sys.exit(main())
