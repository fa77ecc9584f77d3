"""Records as tensors: order, padding, truncation, negatives and the pieces that occur."""

import numpy as np
import torch

from kosplade.corpus.records import Record
from kosplade.training.batches import Collator, RecordDataset, occurring_pieces
from kosplade.training.teacher import TeacherVectors

RECORDS = [
    Record("w5 w6", "w10 w11 w12 w13", ("w20", "w21")),
    Record("w7", "w14", ()),
    Record("w8 w8 w9 w5 w6", "w15 w16", ("w22 w23",)),
]


def collate(tokenizer, records=RECORDS, hard_negatives=0, teacher=None):
    collator = Collator(tokenizer, 5, 4, hard_negatives, teacher)
    return collator(records)


def test_records_by_index():
    dataset = RecordDataset(RECORDS)
    assert len(dataset) == 3
    assert dataset[2] is RECORDS[2]


def test_queries_and_positives_in_order_padded_and_cut(word_tokenizer):
    batch = collate(word_tokenizer)
    assert sorted(batch) == ["document_ids", "document_mask", "query_ids", "query_mask"]
    # <s> 0, <pad> 1, </s> 2. Queries are cut to 5 pieces with the special ones, documents to 4.
    assert batch["query_ids"].tolist() == [[0, 5, 6, 2, 1], [0, 7, 2, 1, 1], [0, 8, 8, 9, 2]]
    assert batch["query_mask"].tolist() == [[1, 1, 1, 1, 0], [1, 1, 1, 0, 0], [1, 1, 1, 1, 1]]
    assert batch["document_ids"].tolist() == [[0, 10, 11, 2], [0, 14, 2, 1], [0, 15, 16, 2]]
    assert batch["document_mask"].tolist() == [[1, 1, 1, 1], [1, 1, 1, 0], [1, 1, 1, 1]]
    assert {tensor.dtype for tensor in batch.values()} == {torch.int64}


def test_hard_negatives_follow_the_positives_query_by_query(word_tokenizer):
    ids = collate(word_tokenizer, hard_negatives=2)["document_ids"]
    assert len(ids) == 3 * (1 + 2)
    assert ids[:3, 1].tolist() == [10, 14, 15]
    # Query 0 has two; query 1 has none and borrows the positive of query 0; query 2 has one, twice.
    assert ids[3:, 1].tolist() == [20, 21, 10, 10, 22, 22]


def test_the_first_record_borrows_from_the_last(word_tokenizer):
    records = [RECORDS[1], RECORDS[0], RECORDS[2]]
    assert collate(word_tokenizer, records, hard_negatives=1)["document_ids"][3:, 1].tolist() == [15, 20, 22]


def test_fewer_negatives_are_taken_than_there_are(word_tokenizer):
    assert collate(word_tokenizer, hard_negatives=1)["document_ids"][3, 1].item() == 20


def test_teacher_scores_cover_the_negatives(word_tokenizer):
    class Teacher(TeacherVectors):
        def __init__(self):
            pass

        def scores(self, queries, documents):
            return np.float32([[int(q[1]) * 100 + int(d[1:3]) for d in documents] for q in queries])

    teacher = collate(word_tokenizer, hard_negatives=1, teacher=Teacher())["teacher"]
    assert teacher.dtype == torch.float32
    # Queries w5.., w7, w8..; documents w10.., w14, w15.., then the negatives w20, w10.. and w22..
    assert teacher.tolist() == [[row + column for column in (10, 14, 15, 20, 10, 22)] for row in (500, 700, 800)]


def test_occurring_pieces_leave_padding_out():
    ids = torch.tensor([[0, 3, 3, 2], [0, 2, 1, 1]])
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]])
    occurs = occurring_pieces(ids, mask, 5)
    assert occurs.dtype == torch.bool
    assert occurs.tolist() == [[True, False, True, True, False], [True, False, True, False, False]]


def test_a_real_piece_with_the_id_of_padding_counts():
    assert occurring_pieces(torch.tensor([[1, 1]]), torch.tensor([[1, 0]]), 2).tolist() == [[False, True]]
