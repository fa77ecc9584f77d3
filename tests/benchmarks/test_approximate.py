"""What Seismic loses: all settings are asked of a real server, and compared with exact search."""

import json
from argparse import Namespace

import pytest
from opensearchpy import OpenSearch
from tiny_export import write_tiny_export

import approximate
from kosplade.export.seismic import field_of

pytestmark = pytest.mark.full


def test_every_setting_is_compared_with_exact_search(opensearch, tmp_path, word_tokenizer, monkeypatch):
    if "opensearch-neural-search" not in OpenSearch([opensearch]).cat.plugins():
        pytest.skip("the plugin neural-search is missing")
    monkeypatch.setattr(approximate, "TOP_N", (1, 40))

    def field(model):  # whole summaries: no cluster is skipped that matters
        made = field_of(model)
        made["method"]["parameters"]["summary_prune_ratio"] = 1.0
        return made

    monkeypatch.setattr(approximate, "field_of", field)
    write_tiny_export(tmp_path / "export", word_tokenizer, positions=514)
    beir = tmp_path / "beir"
    (beir / "qrels").mkdir(parents=True)
    texts = [f"w{5 + i % 35} w{5 + i * 7 % 35} w{5 + i * 11 % 35}" for i in range(60)]
    (beir / "corpus.jsonl").write_text(
        "".join(json.dumps({"_id": f"d{i}", "text": t}) + "\n" for i, t in enumerate(texts))
    )
    (beir / "queries.jsonl").write_text(
        "".join(json.dumps({"_id": f"q{i}", "text": texts[i]}) + "\n" for i in range(5))
    )
    judged = "".join(f"q{i}\td{i}\t1\n" for i in range(5))
    (beir / "qrels/val.tsv").write_text(f"query-id\tcorpus-id\tscore\n{judged}")
    report = tmp_path / "report.json"
    places = {"model": tmp_path / "export", "beir": beir, "vectors": tmp_path, "json": report}
    approximate.main(Namespace(**places, split="val", length=64, url=opensearch))
    rows = json.loads(report.read_text())["searches"]
    assert len(rows) == 2 * (1 + 2 * 3)
    by_setting = {(row["queries"], row["top_n"], row["heap_factor"]): row["Recall@10"] for row in rows}
    for way in ("inference_free", "encoded"):
        assert by_setting[way, "exact", ""] == 1
        assert 0 < by_setting[way, 1, 1.0] <= by_setting[way, 40, 1.0] > 0.9
    assert (tmp_path / "documents.npz").exists()
