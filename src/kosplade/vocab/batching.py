"""Texts as padded batches of token ids."""

from collections.abc import Iterator, Sequence

import numpy as np
from tqdm import tqdm
from transformers import BatchEncoding, PreTrainedTokenizerBase


def padded_batches(
    texts: Sequence[str], tokenizer: PreTrainedTokenizerBase, *, max_length: int, batch_size: int, label: str
) -> Iterator[tuple[np.ndarray, BatchEncoding]]:
    """Yield the rows (int64 [B], places in `texts`) and the padded tensors of each batch, cut to `max_length` pieces.

    The shortest texts come first and the longest last, so that texts of similar length share a batch. `label` names
    the progress bar.
    """
    encoded = tokenizer(list(texts), truncation=True, max_length=max_length)["input_ids"]
    order = np.argsort([len(ids) for ids in encoded], kind="stable")
    with tqdm(total=len(order), desc=label, unit="text", mininterval=1) as bar:
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            yield rows, tokenizer.pad({"input_ids": [encoded[i] for i in rows]}, return_tensors="pt")
            bar.update(len(rows))
