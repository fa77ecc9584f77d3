"""What is indexed is what is evaluated: one corpus.jsonl, read here and by `kosplade.retrieval.beir`."""

import json

from kosplade.retrieval.beir import read_collection
from kosplade.tools.opensearch.texts import read_documents

PARTS = ["", " ", "\u200b", "\u3164", "결제 취소"]  # nothing, or nothing that can be seen, or words


def test_a_document_is_encoded_as_the_evaluation_encodes_it(tmp_path):
    records = [
        {"_id": f"d{i}{j}", "title": title, "text": text}
        for i, title in enumerate(PARTS)
        for j, text in enumerate(PARTS)
        if "결제 취소" in (title, text)
    ]
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text("".join(json.dumps(record) + "\n" for record in records))
    (tmp_path / "queries.jsonl").write_text('{"_id": "q", "text": "결제"}\n', encoding="utf-8")
    (tmp_path / "qrels").mkdir()
    (tmp_path / "qrels/test.tsv").write_text(f"query-id\tcorpus-id\tscore\nq\t{records[0]['_id']}\t1\n")
    evaluated = read_collection(tmp_path, "test").documents
    assert [document.whole for document in read_documents(corpus)] == evaluated
    assert set(evaluated) == {"결제 취소", "결제 취소\n결제 취소"}
