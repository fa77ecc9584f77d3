"""Texts as padded batches of token ids: as many tokens as a device handles well, however long the texts are."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from tqdm import tqdm
from transformers import BatchEncoding, PreTrainedTokenizerBase

# Of a batch: few enough for a CPU's caches and for any GPU's memory, enough to keep the cores busy.
BATCH_TOKENS = {"cpu": 1024, "cuda": 16_384}


def padded_batches(
    texts: Sequence[str],
    tokenizer: PreTrainedTokenizerBase,
    *,
    max_length: int,
    device: torch.device,
    texts_at_once: int | None = None,
    label: str,
) -> Iterator[tuple[np.ndarray, BatchEncoding]]:
    """Yield the rows (int64 [B], places in `texts`) and the padded tensors of each batch, cut to `max_length` pieces.

    The shortest texts come first and the longest last, so that texts of similar length share a batch; each lies on
    `device` and holds `texts_at_once`, or of that device's BATCH_TOKENS as many as fit, padding included. `label` names
    the progress bar, "" hides it.
    """
    encoded = tokenizer(list(texts), truncation=True, max_length=max_length)["input_ids"]
    order = np.argsort([len(ids) for ids in encoded], kind="stable")
    with tqdm(total=len(order), desc=label, unit="text", mininterval=1, disable=not label) as bar:
        if texts_at_once:
            parts = (slice(start, start + texts_at_once) for start in range(0, len(order), texts_at_once))
        else:
            parts = _split_by_tokens([len(encoded[i]) for i in order], BATCH_TOKENS[device.type])
        for part in parts:
            rows = order[part]
            yield rows, tokenizer.pad({"input_ids": [encoded[i] for i in rows]}, return_tensors="pt").to(device)
            bar.update(len(rows))


def _split_by_tokens(lengths: Sequence[int], most: int) -> Iterator[slice]:
    """Consecutive ranges of texts with rising `lengths`: `most` tokens each, padding included, or one text."""
    start = 0
    for stop, length in enumerate(lengths):
        if stop > start and (stop + 1 - start) * length > most:
            yield slice(start, stop)
            start = stop
    if len(lengths):
        yield slice(start, len(lengths))
