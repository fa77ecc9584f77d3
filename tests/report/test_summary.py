"""What `make eval-v25` prints."""

from card_sample import METRICS, kinds

from kosplade.files import write_json
from kosplade.report import summary


def test_both_test_sets_have_a_table_and_validation_has_none(tmp_path, monkeypatch):
    monkeypatch.setattr(summary, "METRICS", tmp_path)
    write_json(tmp_path / "eval.json", METRICS | {"wider": METRICS["val"] | {"queries": 31}})
    write_json(tmp_path / "eval_by_kind.json", kinds())
    printed = summary.retrieval()
    assert printed.index("31 wider queries, 900 documents") < printed.index("40 test queries, 900 documents")
    assert "val queries" not in printed
    assert printed.count("MRR@10") == 2
