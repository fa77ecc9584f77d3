"""A user's own records: part of them held out, and a BEIR folder to evaluate on. The user's files are only read."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from kosplade.corpus.folder import write_beir
from kosplade.errors import UserError
from kosplade.files import write_jsonl
from kosplade.params import DataParams
from kosplade.records.record import Record, read_placed, touches
from kosplade.records.text import text_id, text_key, text_number

MOST_HELD_OUT = 300  # queries of validation where data.val_queries sets no number


def prepare_user(
    folder: Path, target: Path, files: Sequence[Path], pairs_N2: np.ndarray, data: DataParams
) -> tuple[int, frozenset[str]]:
    """Write val.jsonl and the BEIR files into the existing folder `target`.

    Returns the number of passages and the `text_key`s of validation, which training may not touch.

    Validation is `val.jsonl` of the user's `folder`, or else `hold_out` of the records of `files`, whose numbers are
    `pairs_N2` (`records.training.pair_numbers`). The corpus holds the judged passages and `data.max_passages` of the
    others (0: all). Memory holds numbers, not texts. Raises UserError where validation is empty or leaves no training.
    """
    given = folder / "val.jsonl"
    if given.exists():
        validation = [record for _, record in read_placed(given)]
        if not validation:
            raise UserError(f"{given} holds no record. Fill it, or remove it to have some held out.")
    else:
        held = hold_out(pairs_N2, data.val_queries)
        validation = [record for record, is_held in zip(_records(files, "holding out"), held, strict=True) if is_held]
    kept_out = frozenset(text_key(text) for record in validation for text in (record.query, record.positive))
    numbers = np.array(sorted(int(key, 16) for key in kept_out), dtype=np.uint64)
    free_N = ~np.isin(pairs_N2, numbers).any(axis=1)
    if not free_N.any():
        raise UserError(
            f"validation touches each of the {len(pairs_N2):,} records of {folder}, so none is left for training. "
            + (f"Use another {given}." if given.exists() else "Lower data.val_queries, or set it to null.")
        )
    chosen = np.unique(pairs_N2[free_N, 1])
    chosen = chosen[: data.max_passages] if data.max_passages else chosen
    write_jsonl(target / "val.jsonl", ({"query": r.query, "positive": r.positive, "kind": r.kind} for r in validation))
    training = (record for record in _records(files, "writing") if not touches(record, kept_out))
    judged = {"val": ((record.query, record.positive, record.kind) for record in validation)}
    return write_beir(target, judged, _corpus(validation, training, chosen)), kept_out


def hold_out(pairs_N2: np.ndarray, wanted: int | None) -> np.ndarray:
    """bool [N]: the records that are held out, about `wanted` queries (None: a tenth of all, at most MOST_HELD_OUT).

    Whole answers are held out, in the order of their hashes: all queries of an answer, and all answers of these. An
    answer with more queries than are still wanted is passed over. Where each has more than `wanted`, the queries are
    drawn from the one that has fewest.
    """
    asked_P2 = np.unique(pairs_N2, axis=0)
    answers_A, counts_A = np.unique(asked_P2[:, 1], return_counts=True)
    wanted = wanted or min(MOST_HELD_OUT, max(1, len(np.unique(pairs_N2[:, 0])) // 10))
    taken, left = [], wanted
    for answer, count in zip(answers_A, counts_A.tolist(), strict=True):
        if count <= left:
            taken.append(answer)
            left -= count
    if taken:
        held = asked_P2[np.isin(asked_P2[:, 1], taken), 0]
    else:
        held = asked_P2[asked_P2[:, 1] == answers_A[counts_A.argmin()], 0][:wanted]
    return np.isin(pairs_N2[:, 0], held)


def _corpus(validation: list[Record], training: Iterator[Record], chosen: np.ndarray) -> Iterator[str]:
    """The judged passages, then the chosen positives of training, each once."""
    judged = {text_id(record.positive): record.positive for record in validation}
    yield from judged.values()
    left = set(chosen.tolist())
    for record in training:
        number = text_number(record.positive)
        if number in left:
            left.remove(number)
            yield record.positive


def _records(files: Sequence[Path], what: str) -> Iterator[Record]:
    for file in files:
        yield from (
            record for _, record in tqdm(read_placed(file), desc=f"{what} {file.name}", unit="line", leave=False)
        )
