"""The command: rows are those of the encoder, whatever was interrupted and whoever did the work."""

import json
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest
from tools.encode.conftest import FORMS, RECORDS, write_records

from kosplade.errors import UserError
from kosplade.retrieval.beir import Collection
from kosplade.retrieval.served import load_export
from kosplade.tools.encode.__main__ import main
from kosplade.tools.encode.shards import Folder
from kosplade.tools.variants.__main__ import main as write_variant


def encode(export, source, output, *options):
    arguments = ["--model", export, "--input", source, "--output", output, "--max-document-length", 32, *options]
    main(list(map(str, arguments)))


@pytest.fixture
def inputs(tmp_path):
    """A folder with the records in each form, each file with ids of its own."""
    (tmp_path / "inputs").mkdir()
    for form in FORMS:
        own = [record | {"_id": record["_id"] + form} for record in RECORDS]
        write_records(tmp_path / f"inputs/docs{form}", own)
    return tmp_path / "inputs"


def rows(folder):
    return {row["_id"]: row for file in sorted(folder.glob("*.parquet")) for row in pq.read_table(file).to_pylist()}


def files(folder):
    return {file.name: file.read_bytes() for file in folder.glob("*.parquet")}


def test_rows_are_documents_and_their_vectors(export, inputs, tmp_path, capsys):
    encode(export, inputs, tmp_path / "out", "--shard-lines", 4)
    said = capsys.readouterr().out
    assert "40 documents, " in said
    assert ", 12 shards" in said
    found = rows(tmp_path / "out")
    assert len(found) == 40
    model = load_export(export, max_query_length=32, max_document_length=32)
    expected_NV = model.documents([f"{r['title']}\n{r['text']}".strip() for r in RECORDS], "").toarray()
    assert (expected_NV > 0).sum() > 50
    for number, record in enumerate(RECORDS):
        row = found[record["_id"] + ".parquet"]
        assert (row["title"], row["text"]) == (record["title"], record["text"])
        vector_V = np.zeros(40, dtype=np.float32)
        vector_V[row["pieces"]] = row["weights"]
        np.testing.assert_allclose(vector_V, expected_NV[number], rtol=1e-5)
    manifest = json.loads((tmp_path / "out/manifest.json").read_text())
    assert manifest["nnz"] == sum(len(row["pieces"]) for row in found.values())


def test_what_was_interrupted_goes_on_to_the_same_bytes(export, inputs, tmp_path, monkeypatch, capsys):
    encode(export, inputs, tmp_path / "whole", "--shard-lines", 4)
    write, left = Folder.write, [5]

    def killed(self, *arguments):
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        write(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Folder, "write", killed)
        with pytest.raises(KeyboardInterrupt):
            encode(export, inputs, tmp_path / "out", "--shard-lines", 4)
    assert len(files(tmp_path / "out")) == 5
    with pytest.raises(UserError, match="is not complete"):
        next(Folder(str(tmp_path / "out")).read())
    (tmp_path / "out/00001-00002.parquet.1234.tmp").write_bytes(b"half")
    encode(export, inputs, tmp_path / "out", "--shard-lines", 4)
    assert "5 shards are there already" in capsys.readouterr().out
    assert files(tmp_path / "out") == files(tmp_path / "whole")
    assert {one.name for one in (tmp_path / "out").iterdir()} == {one.name for one in (tmp_path / "whole").iterdir()}


def test_a_vector_does_not_depend_on_what_is_encoded_beside_it(export, inputs, tmp_path):
    for lines in (1, 10):
        encode(export, inputs, tmp_path / f"by{lines}", "--shard-lines", lines)
    alone, together = rows(tmp_path / "by1"), rows(tmp_path / "by10")
    for id_, row in alone.items():
        assert row["pieces"] == together[id_]["pieces"]
        np.testing.assert_allclose(row["weights"], together[id_]["weights"], rtol=1e-5)


def test_lines_that_are_no_documents_are_kept_or_end_it(export, tmp_path, capsys):
    file = tmp_path / "a.jsonl"
    file.write_text('{"_id": "a", "text": "w5"}\noops\n{"_id": "b", "text": "w6"}\n')
    encode(export, file, tmp_path / "out", "--shard-lines", 2)
    assert "1 lines are no documents" in capsys.readouterr().out
    kept = [json.loads(line) for one in (tmp_path / "out/rejected").iterdir() for line in one.read_text().splitlines()]
    assert [one["line"] for one in kept] == ["oops"]
    assert kept[0]["error"].startswith(f"{file}:2: not valid JSON")
    assert set(rows(tmp_path / "out")) == {"a", "b"}
    with pytest.raises(UserError, match=r"--strict: .*a.jsonl:2: not valid JSON"):
        encode(export, file, tmp_path / "strict", "--strict")


def test_another_model_option_or_input_needs_another_folder(export, inputs, tmp_path):
    encode(export, inputs / "docs.jsonl", tmp_path / "out")
    again = (export, inputs / "docs.jsonl", tmp_path / "out")
    with pytest.raises(UserError, match=r"was made with another 'max_document_length' .*Choose a new folder"):
        encode(*again, "--max-document-length", 16)
    with pytest.raises(UserError, match="was made with another 'lines'"):
        encode(*again, "--shard-lines", 5)
    written = (export / "idf.json").read_text()
    (export / "idf.json").write_text(json.dumps(json.loads(written) | {"w5": 7.0}))
    with pytest.raises(UserError, match="was made with another 'model'"):
        encode(*again)
    (export / "idf.json").write_text(written)
    write_records(inputs / "docs.jsonl", RECORDS[:3])
    with pytest.raises(UserError, match="was made with another 'inputs'"):
        encode(*again)
    with pytest.raises(UserError, match="holds other files"):
        encode(export, inputs, inputs)
    assert (inputs / "docs.jsonl").exists()


def test_options_change_the_vectors(export, inputs, tmp_path):
    encode(export, inputs, tmp_path / "out")
    encode(export, inputs, tmp_path / "half", "--dtype", "bfloat16")
    encode(export, inputs, tmp_path / "short", "--max-document-length", 3)
    whole, half, short = (rows(tmp_path / name) for name in ("out", "half", "short"))
    row, other = whole["d1.jsonl"], half["d1.jsonl"]
    assert row["weights"] != other["weights"]
    common = set(row["pieces"]) & set(other["pieces"])
    assert len(common) > 5
    weights = [dict(zip(one["pieces"], one["weights"], strict=True)) for one in (row, other)]
    np.testing.assert_allclose(*([one[piece] for piece in sorted(common)] for one in weights), rtol=0.1, atol=0.05)
    assert short["d1.jsonl"]["pieces"] != row["pieces"]


def test_what_is_wrong_with_the_model_is_said_first(export, inputs, tmp_path):
    with pytest.raises(UserError, match="--max-document-length is 64; the model reads at most 38 pieces"):
        encode(export, inputs, tmp_path / "out", "--max-document-length", 64)
    with pytest.raises(UserError, match="not an exported model"):
        encode(tmp_path / "none", inputs, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(UserError, match="is in an out of the pipeline, where DVC deletes it"):
        encode(export, inputs, "outputs/train_v25/vectors")


def test_a_variant_in_onnx_encodes_too(export, inputs, tmp_path):
    shutil.copyfile(export / "config.json", tmp_path / "config.json")
    (export / "sentence_bert_config.json").write_text('{"query_length": 8, "max_seq_length": 8}')
    write_variant([str(export), str(tmp_path / "onnx"), "--kind", "onnx"])
    encode(export, inputs, tmp_path / "out")
    encode(tmp_path / "onnx", inputs, tmp_path / "by_onnx")
    whole, other = rows(tmp_path / "out"), rows(tmp_path / "by_onnx")
    for id_, row in whole.items():
        assert row["pieces"] == other[id_]["pieces"]
        np.testing.assert_allclose(row["weights"], other[id_]["weights"], rtol=1e-3, atol=1e-4)


def test_the_vectors_of_a_collection_come_in_its_order(export, inputs, tmp_path):
    encode(export, inputs / "docs.jsonl", tmp_path / "out", "--shard-lines", 3)
    order = [7, 0, 9]
    ids = [RECORDS[n]["_id"] + ".jsonl" for n in order]
    texts = [f"{RECORDS[n]['title']}\n{RECORDS[n]['text']}".strip() for n in order]
    collection = Collection(ids, texts, [], [], [], {})
    model = load_export(export, max_query_length=32, max_document_length=32)
    found_NV = Folder(str(tmp_path / "out")).vectors_of(collection)
    np.testing.assert_allclose(found_NV.toarray(), model.documents(texts, "").toarray(), rtol=1e-5)
    changed = Collection(ids, [*texts[:2], "w5"], [], [], [], {})
    with pytest.raises(UserError, match=r"lacks 1 documents .* the first 'd9.jsonl'"):
        Folder(str(tmp_path / "out")).vectors_of(changed)


def test_recounting_reads_the_same_inputs(export, inputs, tmp_path):
    (export / "sentence_bert_config.json").write_text('{"query_length": 8, "max_seq_length": 8}')
    one = write_records(tmp_path / "all.jsonl", RECORDS * len(FORMS))
    for name, texts in (("parts", inputs), ("whole", one)):
        write_variant([str(export), str(tmp_path / name), "--kind", "recounted", "--texts", str(texts)])
    parts, whole = ((tmp_path / name / "idf.json").read_bytes() for name in ("parts", "whole"))
    assert parts == whole
    assert parts != (export / "idf.json").read_bytes()
