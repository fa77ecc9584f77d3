"""Batches cut into parts: who stays with whom, and when it is refused."""

from itertools import accumulate, pairwise

import pytest
import torch

from kosplade.errors import UserError
from kosplade.records.record import Record
from kosplade.training.batches import Collator
from kosplade.training.memory import smaller_parts, split_batch


def batch_of(queries: int, hard: int) -> dict[str, torch.Tensor]:
    """Query i is 100 + i, its positive 200 + i, its negatives 1000 + 10 * i and on; the teacher's rows likewise."""
    query = torch.arange(queries) + 100
    negatives = [1000 + 10 * i + k for i in range(queries) for k in range(hard)]
    document = torch.tensor([*(200 + i for i in range(queries)), *negatives])
    return {
        "query_ids": query.unsqueeze(1).expand(-1, 3),
        "query_mask": torch.ones(queries, 3, dtype=torch.int64),
        "document_ids": document.unsqueeze(1).expand(-1, 5),
        "document_mask": torch.ones(len(document), 5, dtype=torch.int64),
        "document_morpheme_ids": document.unsqueeze(1).expand(-1, 2),
        "teacher_query": query,
        "teacher_document": document,
    }


@pytest.mark.parametrize("hard", [0, 1, 3])
@pytest.mark.parametrize(
    ("queries", "parts", "sizes"),
    [(4, 1, [4]), (4, 2, [2, 2]), (4, 4, [1, 1, 1, 1]), (5, 2, [3, 2]), (7, 4, [2, 2, 2, 1])],
)
def test_each_query_keeps_its_documents(queries, parts, sizes, hard):
    batch = batch_of(queries, hard)
    cut = split_batch(batch, parts)
    assert [len(part["query_ids"]) for part in cut] == sizes
    for part, (start, stop) in zip(cut, pairwise(accumulate([0, *sizes])), strict=True):
        own = range(start, stop)
        documents = [*(200 + i for i in own), *(1000 + 10 * i + k for i in own for k in range(hard))]
        assert part["query_ids"].tolist() == [[100 + i] * 3 for i in own]
        assert part["document_ids"].tolist() == [[document] * 5 for document in documents]
        assert part["document_morpheme_ids"].tolist() == [[document] * 2 for document in documents]
        assert part["teacher_query"].tolist() == part["query_ids"][:, 0].tolist()
        assert part["teacher_document"].tolist() == documents
        assert {name: value.shape[1:] for name, value in part.items()} == {
            name: value.shape[1:] for name, value in batch.items()
        }
    for name, value in batch.items():  # every row is there, once
        rows = torch.cat([part[name] for part in cut]).flatten()
        assert sorted(rows.tolist()) == sorted(value.flatten().tolist())


@pytest.mark.parametrize(("queries", "parts"), [(3, 2), (5, 4), (6, 4), (9, 8), (12, 8), (100, 64)])
def test_there_are_as_many_parts_as_asked_for(queries, parts):
    """The loss of each is divided by that number."""
    sizes = [len(part["query_ids"]) for part in split_batch(batch_of(queries, 1), parts)]
    assert len(sizes) == parts
    assert sum(sizes) == queries
    assert max(sizes) - min(sizes) <= 1


def test_a_part_is_what_the_collator_makes_of_its_records(word_tokenizer):
    records = [Record(f"w{i}", f"w{10 + i} w5", (f"w{20 + i} w6", f"w{30 + i} w7")) for i in range(4)]
    collator = Collator(word_tokenizer, 8, 8, 2, None)
    for place, part in enumerate(split_batch(collator(records), 2)):
        expected = collator(records[2 * place : 2 * place + 2])
        assert part.keys() == expected.keys()
        assert all(torch.equal(part[name], expected[name]) for name in expected)


@pytest.mark.parametrize(
    ("hard_negatives", "queries", "expected"),
    [(1, 8, [2, 4, 8]), (1, 6, [2, 4, 6]), (0, 8, [2, 4]), (0, 48, [2, 4, 8, 16, 24])],
)
def test_twice_as_many_parts_as_long_as_each_query_has_another_document(hard_negatives, queries, expected):
    settings = {"hard_negatives": hard_negatives, "auto_batch": True, "processes": 1}
    found = [1]
    for _ in expected:
        found.append(smaller_parts(found[-1], queries, **settings))
    assert found[1:] == expected
    assert "GPU out of memory" in message(lambda: smaller_parts(expected[-1], queries, **settings))
    sizes = [len(part["query_ids"]) for part in split_batch(batch_of(queries, hard_negatives), expected[-1])]
    assert all(size * (1 + hard_negatives) > 1 for size in sizes)


def message(action) -> str:
    with pytest.raises(UserError) as error:
        action()
    assert "\n" not in str(error.value)
    return str(error.value)


REMEDY = (
    "Set train.batch_size to half and train.gradient_accumulation_steps to twice their values, "
    "or lower model.max_document_length."
)


@pytest.mark.parametrize(
    ("parts", "queries", "settings", "expected"),
    [
        (1, 16, {"auto_batch": False}, f"GPU out of memory with train.batch_size 16. {REMEDY}"),
        (1, 16, {"processes": 2}, f"GPU out of memory with train.batch_size 16 in one of 2 processes. {REMEDY}"),
        (8, 8, {}, "GPU out of memory with a single query and its documents. Lower model.max_document_length."),
        (
            *(4, 8, {"hard_negatives": 0}),
            "GPU out of memory with two queries and their documents. Lower model.max_document_length.",
        ),
    ],
)
def test_where_a_batch_is_not_cut(parts, queries, settings, expected):
    settings = {"hard_negatives": 1, "auto_batch": True, "processes": 1} | settings
    assert message(lambda: smaller_parts(parts, queries, **settings)) == expected
