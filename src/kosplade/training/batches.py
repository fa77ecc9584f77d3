"""Training records as tensors: tokenised texts, inference-free queries and the rows of the teacher."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset
from transformers import PreTrainedTokenizerBase

from kosplade.records.record import Record
from kosplade.records.text import text_number
from kosplade.teacher.scores import Teacher
from kosplade.training.targets import MorphemePieces


class RecordDataset(Dataset):
    """Records by index, each read when it is asked for."""

    def __init__(self, records: Sequence[Record]):
        self.records = records

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: int) -> Record:
        return self.records[index]


@dataclass(frozen=True)
class Collator:
    """Turns B records into a batch of B queries and N = B * (1 + hard_negatives) documents, positives first.

    Returns query_ids, query_mask [B, L], document_ids, document_mask [N, L] (int64); document_numbers [N] and
    query_answers [B, A] (int64), from which `known_answers` tells what is no negative; with a teacher, the rows of its
    files teacher_query [B] and teacher_document [N] (int64); with `morphemes`, document_morpheme_ids (int64) and
    document_morpheme_targets (float32) [N, W]. Documents from row B + i * H on are the hard negatives of query i.
    Raises UserError for a text that the teacher never saw.
    """

    tokenizer: PreTrainedTokenizerBase
    max_query_length: int
    max_document_length: int
    hard_negatives: int
    teacher: Teacher | None
    morphemes: MorphemePieces | None = None

    def __call__(self, records: list[Record]) -> dict[str, Tensor]:
        queries = [record.query for record in records]
        documents = [record.positive for record in records]
        for place, record in enumerate(records):
            # Fewer negatives than wanted are repeated; a record without any borrows its neighbour's positive.
            pool = record.negatives or (records[place - 1].positive,)
            documents += [pool[k % len(pool)] for k in range(self.hard_negatives)]
        batch = {}
        for side, texts, length in (
            ("query", queries, self.max_query_length),
            ("document", documents, self.max_document_length),
        ):
            encoded = self.tokenizer(texts, truncation=True, max_length=length, padding=True, return_tensors="pt")
            batch[f"{side}_ids"] = encoded["input_ids"]
            batch[f"{side}_mask"] = encoded["attention_mask"]
        batch["document_numbers"] = _as_int64([list(map(text_number, documents))])[0]
        batch["query_answers"] = _as_int64([record.answers or (text_number(record.positive),) for record in records])
        if self.teacher is not None:
            batch["teacher_query"] = torch.from_numpy(self.teacher.queries.rows(queries))
            batch["teacher_document"] = torch.from_numpy(self.teacher.documents.rows(documents))
        if self.morphemes is not None:
            batch["document_morpheme_ids"], batch["document_morpheme_targets"] = self.morphemes(documents)
        return batch


def _as_int64(rows: Sequence[Sequence[int]]) -> Tensor:
    """Numbers of 64 bits as int64 [B, widest]; a shorter row repeats its first number."""
    width = max(map(len, rows))
    filled = [[*row, *[row[0]] * (width - len(row))] for row in rows]
    return torch.from_numpy(np.array(filled, dtype=np.uint64).view(np.int64))


def known_answers(query_answers_BA: Tensor, document_numbers_N: Tensor) -> Tensor:
    """bool [B, N]: documents that are known to answer a query and are not its own positive, column i of row i."""
    known_BN = torch.zeros(len(query_answers_BA), len(document_numbers_N), dtype=torch.bool)
    known_BN = known_BN.to(document_numbers_N.device)
    for answer_B in query_answers_BA.T:  # one at a time: [B, A, N] could be large
        known_BN |= answer_B.unsqueeze(1) == document_numbers_N
    return known_BN.fill_diagonal_(False)


def occurring_pieces(ids_BL: Tensor, mask_BL: Tensor, vocab_size: int) -> Tensor:
    """bool [B, V]: the pieces that occur in each text, padding left out."""
    occurs_BV = torch.zeros(len(ids_BL), vocab_size + 1, dtype=torch.bool, device=ids_BL.device)
    occurs_BV.scatter_(1, torch.where(mask_BL.bool(), ids_BL, vocab_size), True)
    return occurs_BV[:, :vocab_size]


def wanted_weights(ids_NW: Tensor, targets_NW: Tensor, vocab_size: int) -> Tensor:
    """float32 [N, V]: the target of every piece of the vocabulary, 0 for those that a text does not ask for."""
    wanted_NV = torch.zeros(len(ids_NW), vocab_size, device=ids_NW.device)
    return wanted_NV.scatter_reduce_(1, ids_NW, targets_NW, "amax")
