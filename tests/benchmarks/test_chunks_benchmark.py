"""How sections become long documents, and what a cut document has lost."""

import pytest
from tiny_export import write_tiny_export

from chunks import CUT, LONG, behind, joined, judged
from kosplade.records.document import Document
from kosplade.retrieval.served import load_export

SECTIONS = [
    Document(f"corpus.jsonl:{line}", f"s{line}", title, text)
    for line, (title, text) in enumerate(
        [("w5", "w6 " * 400), ("w5", "w7"), ("w5", "w8 " * 200), ("w5", "w9"), ("w6", "w7"), ("w5", "w10")]
    )
]
QRELS = [
    ("", query, section, score)
    for query, section, score in [("a", "s0", 1), ("b", "s3", 1), ("c", "s4", 2), ("c", "s3", 1), ("d", "s5", 0)]
]


def test_sections_of_one_title_are_one_document():
    first, second, third = joined(SECTIONS)
    assert (first.document.id, second.document.id, third.document.id) == ("s0", "s4", "s5")
    assert first.document.whole == "\n".join(["w5", *(section.text for section in SECTIONS[:4])])
    assert [first.document.whole[at:][:2] for at in first.before.values()] == ["w6", "w7", "w8", "w9"]


def test_judgements_are_those_of_the_documents_that_are_searched():
    documents = joined(SECTIONS)
    assert judged(QRELS, documents)[0] == {"a": {"s0": 1}, "b": {"s0": 1}, "c": {"s4": 1, "s0": 1}}
    assert judged(QRELS, documents[:1])[0] == {"a": {"s0": 1}, "b": {"s0": 1}}


@pytest.mark.parametrize(("section", "is_behind"), [("s0", False), ("s1", False), ("s2", False), ("s3", True)])
def test_what_a_cut_document_has_lost(tmp_path, word_tokenizer, section, is_behind):
    write_tiny_export(tmp_path / "export", word_tokenizer)
    model = load_export(tmp_path / "export", max_query_length=8, max_document_length=8)
    assert max(CUT) == LONG
    _, of = judged(QRELS, joined(SECTIONS))
    assert behind([("", "q", section, 1)], of, model) == ({"q"} if is_behind else set())
    assert behind([("", "q", section, 1), ("", "q", "s0", 1)], of, model) == set()
