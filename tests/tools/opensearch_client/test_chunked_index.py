"""Long documents in a real OpenSearch: every chunk is there, and a document scores as its best one does."""

import json

import numpy as np
import pytest
from safetensors.torch import load_file, save_file
from scipy.sparse import csr_matrix
from tools.opensearch_client.conftest import INDEX, fails, run, write_corpus

from kosplade.retrieval.search import to_run
from kosplade.retrieval.served import load_export
from kosplade.retrieval.trec import read_run
from kosplade.tools.opensearch import feeding
from kosplade.tools.opensearch.chunks import CHUNK_LENGTH, encode_chunks, search_chunks, split
from kosplade.tools.opensearch.features import kept_weights
from kosplade.tools.opensearch.texts import read_documents
from kosplade.vocab.tokenizer import load_tokenizer

pytestmark = pytest.mark.full
QUERIES = {"q1": "w5 w9", "q2": "w30 w8 w7", "q3": "w39 w12 w20 w33"}
LENGTH = ("--max-document-length", 12)


@pytest.fixture
def long_corpus(tmp_path):
    """Thirty documents of 1 to 30 sentences of 3 words, some with a title."""
    rng = np.random.default_rng(0)
    texts = [
        "\n".join(" ".join(f"w{i}" for i in rng.integers(5, 40, 3)) for _ in range(count)) for count in range(1, 31)
    ]
    return write_corpus(tmp_path / "long.jsonl", texts)


@pytest.mark.parametrize("way", ["inference_free", "encoded"])
def test_scores_are_those_of_the_best_chunk(server, client, export, long_corpus, tmp_path, way, capsys):
    run("index", server, export, "--documents", long_corpus, "--chunk", *LENGTH)
    assert "30 documents indexed, 0 were there; the index holds 30" in capsys.readouterr().out
    queries, output = tmp_path / "queries.jsonl", tmp_path / "run.trec"
    queries.write_text("".join(json.dumps({"_id": id_, "text": text}) + "\n" for id_, text in QUERIES.items()))
    encoded = ["--encoded"] if way == "encoded" else []
    run("search", server, export, "--queries", queries, "--output", output, "--top", 12, *encoded)

    model = load_export(export, max_query_length=64, max_document_length=12)
    documents = list(read_documents(long_corpus))
    texts, chunks_CV = encode_chunks(model, documents, "test")
    assert len(texts[0]) == 1
    assert len(texts[-1]) > 9
    chunks_CV = csr_matrix((kept_weights(chunks_CV.data), chunks_CV.indices, chunks_CV.indptr), shape=chunks_CV.shape)
    queries_QV = model.queries(list(QUERIES.values()), "test")[way]
    found = search_chunks(queries_QV, chunks_CV, [len(of) for of in texts], 12)
    expected = to_run(list(QUERIES), [document.id for document in documents], *found)
    for query_id, of in read_run(output).items():
        assert list(of) == list(expected[query_id])
        np.testing.assert_allclose(list(of.values()), list(expected[query_id].values()), rtol=1e-5)
    held = client.get(index=INDEX, id="d29")["_source"]
    assert [chunk["text"] for chunk in held["chunks"]] == texts[-1]
    assert held["text"] == documents[-1].text


@pytest.fixture
def literal(export):
    """The model with biases so low that it says nothing of a text: a document holds its own words alone."""
    path = export / "model.safetensors"
    tensors = load_file(path)
    for name in tensors:
        if name.endswith("lm_head.bias") or name.endswith("decoder.bias"):
            tensors[name] -= 1000
    save_file(tensors, path, {"format": "pt"})
    return export


def test_what_stands_at_the_end_is_found_and_shown(server, literal, tmp_path, capsys):
    """1,500 pieces, of which an index without chunks holds the first 510."""
    corpus = write_corpus(tmp_path / "corpus.jsonl", ["w5 w6 w8\n" * 499 + "w38 w39 w38", "w5 w6 w8"])
    run("index", server, literal, "--documents", corpus)
    capsys.readouterr()
    run("search", server, literal, "--query", "w38 w39")
    assert capsys.readouterr().out == "Nothing was found.\n"
    run("index", server, literal, "--documents", corpus, "--chunk", "--recreate")
    capsys.readouterr()
    run("search", server, literal, "--query", "w38 w39", "--explain")
    hit, chunk, pieces = capsys.readouterr().out.splitlines()
    assert hit.split()[2] == "d0"
    number, shown = chunk.removeprefix("     chunk ").split(": ")
    assert int(number) == len(split(list(read_documents(corpus)), load_tokenizer(literal, ""), CHUNK_LENGTH)[0])
    assert shown.startswith("w9 w5 w6 w8 ")
    products = [p.rpartition(" ")[2].split("*") for p in pieces.strip().split(", ")]
    assert len(products) == 2
    assert sum(float(q) * float(d) for q, d in products) == pytest.approx(float(hit.split()[1]), abs=0.04)


def test_an_interrupted_run_goes_on_and_changed_documents_are_split_again(
    server, client, export, long_corpus, monkeypatch, capsys
):
    monkeypatch.setattr(feeding, "CHUNKED_BATCH", 8)
    server.bulk_faults = [None, None, *["drop"] * 10]
    fails("no answer", "index", server, export, "--documents", long_corpus, "--chunk", *LENGTH)
    server.bulk_faults, server.bulks = [], []
    run("index", server, export, "--documents", long_corpus, "--chunk", *LENGTH)
    assert [id_ for ids in server.bulks for id_ in ids] == [f"d{i}" for i in range(16, 30)]
    assert "14 documents indexed, 16 were there; the index holds 30" in capsys.readouterr().out
    lines = long_corpus.read_text().splitlines()
    long_corpus.write_text("\n".join([*lines[:-1], json.dumps({"_id": "d29", "text": "w10"})]) + "\n")
    server.bulks = []
    run("index", server, export, "--documents", long_corpus, "--chunk", *LENGTH)
    assert [list(ids) for ids in server.bulks] == [["d29"]]
    assert len(client.get(index=INDEX, id="d29")["_source"]["chunks"]) == 1


def test_an_index_of_chunks_and_one_of_whole_documents_are_two(server, client, export, long_corpus):
    run("index", server, export, "--documents", long_corpus, *LENGTH)
    again = ("--documents", long_corpus)
    fails("of documents cut to 12 pieces, not of chunks of 12", "index", server, export, *again, "--chunk", *LENGTH)
    run("index", server, export, *again, "--chunk", "--recreate", *LENGTH)
    fails("of chunks of 12 pieces, not of documents cut to 12", "index", server, export, *again, *LENGTH)
    fails("of chunks of 12 pieces, not 13", "index", server, export, *again, "--chunk", "--max-document-length", 13)
    mappings = client.indices.get_mapping(index=INDEX)[INDEX]["mappings"]
    mappings["properties"]["chunks"]["properties"]["features"] = {"type": "text"}
    client.indices.delete(index=INDEX)
    client.indices.create(index=INDEX, body={"mappings": mappings})
    fails(r"field 'chunks\.features' is text, not rank_features", "search", server, export, "--query", "w9")
