"""The command on a small folder: queries that are documents, ids with blanks, what is checked before it encodes."""

import json
from pathlib import Path

import pytest
from tiny_export import HYBRID_WEIGHT, write_tiny_export

from kosplade.errors import UserError
from kosplade.model import SparseEncoder
from kosplade.pretrained.dense import DenseEncoder
from kosplade.retrieval.hybrid import HYBRIDS, LEXICAL, hybrid_run
from kosplade.retrieval.trec import read_run
from kosplade.tools.beir.__main__ import main
from kosplade.tools.encode.__main__ import main as encode

CASE = Path(__file__).parents[2] / "cases/beir_self"
HYBRID_RUNS = [f"export.{name}" for name in HYBRIDS]
FILE = "안내 - 240130(보도자료) 100%.pdf - 1"
LENGTHS = ("--max-query-length", "16", "--max-document-length", "32")


def run(export, output, *options):
    main(["--beir", str(CASE), "--model", str(export), "--output", str(output), *LENGTHS, *map(str, options)])


@pytest.fixture
def export(tmp_path, word_tokenizer):
    """It knows no Korean: its own vectors are empty, the baselines are the real ones."""
    write_tiny_export(tmp_path / "export", word_tokenizer)
    return tmp_path / "export"


def figures(output) -> dict:
    return json.loads((output / "test.json").read_text())


def test_a_query_that_is_a_document_does_not_find_itself(export, tmp_path, capfd):
    run(export, tmp_path / "out")
    printed = capfd.readouterr().out
    assert "4 queries have the id of a document, which is not counted" in printed
    assert "0 of these are relevant" in printed
    assert figures(tmp_path / "out")["dense"]["recall1"] == 1.0
    ranked = read_run(tmp_path / "out/test.dense.trec")["q0"]
    assert next(iter(ranked)) == FILE
    assert set(ranked) == {FILE, "d1", "d2", "d3", "q1", "q2", "q3"}
    assert f" {FILE.replace('%', '%25').replace(' ', '%20')} 1 " in (tmp_path / "out/test.dense.trec").read_text()


def test_baselines_that_are_not_named_cost_nothing(export, tmp_path, monkeypatch):
    monkeypatch.setattr(DenseEncoder, "documents", lambda *_: pytest.fail("encoded"))
    run(export, tmp_path / "out", "--baselines", "bm25", "bm25_kiwi")
    found = figures(tmp_path / "out")
    assert "dense" not in found
    assert found["gains"]["ndcg10"]["export.encoded"].keys() == {"bm25", "bm25_kiwi"}
    runs = {name: read_run(tmp_path / f"out/test.{name}.trec") for name in (LEXICAL, "export.encoded", *HYBRID_RUNS)}
    # Inference-free queries find nothing, and leave what BM25 found; encoded ones weigh as the export says.
    assert {id_: list(of) for id_, of in runs["export.hybrid"].items()} == {
        id_: list(of) for id_, of in runs[LEXICAL].items()
    }
    expected = hybrid_run(runs["export.encoded"], runs[LEXICAL], HYBRID_WEIGHT["encoded"], 100)
    for query_id, scores in expected.items():
        assert runs["export.hybrid_encoded"][query_id] == pytest.approx(scores, abs=1e-5)


def test_vectors_that_were_encoded_before_give_the_same_figures(export, tmp_path, monkeypatch):
    vectors = tmp_path / "vectors"
    arguments = ["--model", export, "--input", CASE / "corpus.jsonl", "--output", vectors, "--max-document-length", 32]
    encode(list(map(str, arguments)))
    for name, options in (("here", ()), ("before", ("--vectors", vectors))):
        run(export, tmp_path / name, "--baselines", "bm25", *options)
    here, before = figures(tmp_path / "here"), figures(tmp_path / "before")
    assert before.pop("speed")["export.encoded"]["documents_a_second"] is None
    here.pop("speed")
    assert before == here
    assert here["gains"]["ndcg10"]["export.encoded"].keys() == {"bm25"}
    assert not set(HYBRID_RUNS) & set(here)  # it needs BM25 over morphemes
    with pytest.raises(UserError, match=r"holds documents of 32 pieces\. Name that with --max-document-length"):
        run(export, tmp_path / "out", "--vectors", vectors, "--max-document-length", 16)
    (export / "idf.json").write_text((export / "idf.json").read_text() + " ")
    with pytest.raises(UserError, match="was encoded by another model"):
        run(export, tmp_path / "out", "--vectors", vectors)


@pytest.mark.full
def test_it_may_be_kept(export, tmp_path, capfd):
    run(export, tmp_path / "out", "--identical-ids", "keep")
    printed = capfd.readouterr().out
    assert "which is counted" in printed
    assert figures(tmp_path / "out")["dense"]["recall1"] == 0.0
    assert next(iter(read_run(tmp_path / "out/test.dense.trec")["q0"])) == "q0"
    assert set(figures(tmp_path / "out")["speed"]["export.encoded"]) == {"documents_a_second", "queries_a_second"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--max-document-length", 1024), "--max-document-length is 1024; the model reads at most 38 pieces"),
        (("--max-query-length", 2), "--max-query-length is 2; 2 are special pieces"),
        (("--output", "{tmp}/file"), "--output: .*/file cannot be written"),
        (("--output", "outputs/train_x/beir"), "--output: outputs/train_x/beir is in an out of the pipeline"),
        (("--model", "{tmp}/none"), "none: not an exported model"),
        (("--model", "{tmp}/broken"), "broken: the model cannot be loaded"),
        (("--model", "{tmp}/export"), "two folders are called export"),
        (("--split", "dev"), r"dev.tsv not found.*splits there: test"),
    ],
)
def test_what_can_be_checked_is_checked_before_a_text_is_encoded(
    export, tmp_path, word_tokenizer, monkeypatch, options, said
):
    (tmp_path / "file").touch()
    write_tiny_export(tmp_path / "broken", word_tokenizer)
    (tmp_path / "broken/model.safetensors").write_bytes(b"x" * 20)
    monkeypatch.setattr(SparseEncoder, "encode", lambda *_, **__: pytest.fail("a text was encoded"))
    with pytest.raises(UserError, match=said):
        run(export, tmp_path / "out", *(str(option).format(tmp=tmp_path) for option in options))


@pytest.mark.parametrize("length", ["0", "-1", "x", "1.5"])
def test_lengths_are_whole_numbers_above_0(length, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--beir", "x", "--model", "y", "--max-query-length", length])
    assert caught.value.code == 2
    assert "is not a whole number above 0" in capsys.readouterr().err
