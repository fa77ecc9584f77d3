"""Records as tensors: order, padding, truncation, negatives and the pieces that occur."""

import numpy as np
import torch

from kosplade.records.record import Record
from kosplade.records.text import text_number
from kosplade.teacher.scores import Side, Teacher, text_numbers
from kosplade.training.batches import Collator, known_answers, occurring_pieces

RECORDS = [
    Record("w5 w6", "w10 w11 w12 w13", ("w20", "w21")),
    Record("w7", "w14", ()),
    Record("w8 w8 w9 w5 w6", "w15 w16", ("w22 w23",)),
]


def collate(tokenizer, records=RECORDS, hard_negatives=0, teacher=None):
    collator = Collator(tokenizer, 5, 4, hard_negatives, teacher)
    return collator(records)


def test_queries_and_positives_in_order_padded_and_cut(word_tokenizer):
    batch = collate(word_tokenizer)
    ids = ["document_ids", "document_mask", "document_numbers", "query_answers", "query_ids", "query_mask"]
    assert sorted(batch) == ids
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
    # Of more negatives the first are taken, and the first record borrows from the last.
    turned = [RECORDS[1], RECORDS[0], RECORDS[2]]
    assert collate(word_tokenizer, turned, hard_negatives=1)["document_ids"][3:, 1].tolist() == [15, 20, 22]


def test_teacher_rows_cover_the_negatives(word_tokenizer):
    def side(texts):
        return Side(np.sort(text_numbers(texts)), np.empty((len(texts), 2), dtype=np.float16))

    queries = side([record.query for record in RECORDS])
    documents = side([text for record in RECORDS for text in (record.positive, *record.negatives)])
    batch = collate(word_tokenizer, hard_negatives=1, teacher=Teacher(queries, documents, lexical=None))
    assert batch["teacher_query"].dtype == batch["teacher_document"].dtype == torch.int64
    assert batch["teacher_query"].tolist() == queries.rows(record.query for record in RECORDS).tolist()
    # Query 1 has no negative and borrows the positive of query 0.
    texts = [*(record.positive for record in RECORDS), "w20", RECORDS[0].positive, "w22 w23"]
    assert batch["teacher_document"].tolist() == documents.rows(texts).tolist()


def test_known_answers_are_the_documents_that_answer_beside_the_own_positive(word_tokenizer):
    """A question with two answers, one that shares an answer in another spelling, one whose negative is its answer."""
    a, b, c = map(text_number, ("w10", "w11", "w12"))
    records = [
        Record("w5", "w10", ("w12",), answers=tuple(sorted((a, b)))),
        Record("w5", "w11", ("w13",), answers=tuple(sorted((a, b)))),
        Record("w6", "W10 .", ("w10",), answers=(a,)),
        Record("w7", "w12", ("w13",)),
    ]
    batch = collate(word_tokenizer, records, hard_negatives=1)
    known = known_answers(batch["query_answers"], batch["document_numbers"])
    #      w10    w11    W10 .  w12  | w12    w13    w10    w13
    assert known.tolist() == [
        [False, True, True, False, False, False, True, False],
        [True, False, True, False, False, False, True, False],
        [True, False, False, False, False, False, True, False],
        [False, False, False, False, True, False, False, False],
    ]
    assert c != a


def test_occurring_pieces_leave_padding_out_but_not_a_real_piece_with_its_id():
    ids = torch.tensor([[0, 3, 3, 2], [0, 2, 1, 1], [1, 1, 1, 1]])
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0], [1, 0, 0, 0]])
    occurs = occurring_pieces(ids, mask, 4)
    assert occurs.dtype == torch.bool
    assert occurs.int().tolist() == [[1, 0, 1, 1], [1, 0, 1, 0], [0, 1, 0, 0]]
