"""The teacher: vectors and terms written once, looked up by row."""

import numpy as np
import pytest
from refused import message

from kosplade.errors import UserError
from kosplade.records.bm25 import count_terms
from kosplade.records.text import text_id
from kosplade.teacher import scores as module
from kosplade.teacher.lexical import save_rows
from kosplade.teacher.scores import load_teacher, text_numbers, write_side


def cache(folder, side, vectors, numbers):
    """Cache hand-written vectors {text: (x, y)} and the words of the texts, without BM25: each counts 1."""

    def encode(chunk):
        return np.float32([vectors[text] for text in chunk])

    def count(chunk):
        return count_terms([text.split() for text in chunk], numbers, grow=side == "documents")

    counts_NT = write_side(folder, side, lambda: list(vectors), encode=encode, dimensions=2, count=count)
    save_rows(folder, side, counts_NT)


def cache_both(folder, queries, documents):
    numbers = {}
    cache(folder, "documents", documents, numbers)
    cache(folder, "queries", queries, numbers)
    np.save(folder / "terms.npy", len(numbers))
    return folder


QUERIES = {"q1 x": (1, 0), "q2": (0.6, 0.8)}
DOCUMENTS = {"d1 x": (0, 1), "d2": (1, 0), "d3 x q2 x": (0.8, 0.6)}


@pytest.fixture
def folder(tmp_path):
    return cache_both(tmp_path, QUERIES, DOCUMENTS)


def test_vectors_of_texts_in_the_order_asked(folder):
    teacher = load_teacher(folder)
    assert teacher.queries.rows([" q1  x\n"]).tolist() == teacher.queries.rows(["q1 x"]).tolist()
    for side, vectors in ((teacher.queries, QUERIES), (teacher.documents, DOCUMENTS)):
        texts = [*reversed(vectors), *vectors]
        found = side.vectors(side.rows(iter(texts)))
        assert found.dtype == np.float32
        assert isinstance(side.ids_N, np.memmap)
        assert isinstance(side.vectors_ND, np.memmap)
        assert (side.ids_N.dtype, side.vectors_ND.dtype) == (np.uint64, np.float16)
        np.testing.assert_allclose(found, [vectors[text] for text in texts], atol=1e-3)  # float16 keeps three digits


def test_cosines_and_shared_terms_add_up(folder):
    teacher = load_teacher(folder)
    queries, documents = teacher.queries.rows(["q2", "q1 x"]), teacher.documents.rows(["d3 x q2 x", "d1 x", "d2"])
    logits = teacher.logits(queries, documents, temperature=0.5, lexical_weight=10)
    assert logits.dtype == np.float32
    # q2: .6 * .8 + .8 * .6 = .96, .8 and .6; it shares itself with d3. q1: .8, 0 and 1; x is twice in d3, once in d1.
    np.testing.assert_allclose(logits, [[1.92 + 10, 1.6, 1.2], [1.6 + 20, 10, 2]], atol=1e-2)


def test_every_one_of_many_texts_is_found_and_no_other(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 64)
    texts = [f"글 {n}" for n in range(1000)]
    vectors = {text: (n, n % 7) for n, text in enumerate(texts)}
    teacher = load_teacher(cache_both(tmp_path, vectors, vectors))
    rows = teacher.queries.rows(texts[::-1])
    assert teacher.queries.vectors(rows).tolist() == [list(vectors[text]) for text in texts[::-1]]
    # Each text shares "글" with every text and its number with itself alone.
    assert (teacher.lexical.scores(rows, teacher.documents.rows(texts[::-1])) == 1 + np.eye(1000)).all()
    assert np.load(tmp_path / "queries_ids.npy").tolist() == sorted(int(text_id(text), 16) for text in texts)
    for n in range(1000, 1100):
        with pytest.raises(UserError, match=r"lacks a training text\. Run: dvc repro teacher$"):
            teacher.queries.rows([texts[0], f"글 {n}"])


def test_a_text_is_encoded_once_where_it_first_stands_and_in_chunks(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 2)
    seen = []

    def encode(chunk):
        seen.append(chunk)
        return np.ones((len(chunk), 2), dtype=np.float32)

    def count(chunk):
        return count_terms([[text] for text in chunk], numbers, grow=True)

    numbers = {}
    texts = ["a", "b", "a", " b ", "c", "d", "c", "e"]
    counts = write_side(tmp_path, "queries", lambda: iter(texts), encode=encode, dimensions=2, count=count)
    assert seen == [["a", "b"], ["c", "d"], ["e"]]
    # Rows stand in the order of the ids, the chunks of the terms notwithstanding.
    ordered = sorted("abcde", key=text_id)
    assert counts.toarray().tolist() == [[float(numbers[text] == term) for term in range(5)] for text in ordered]


@pytest.mark.parametrize("name", ["queries_ids.npy", "documents.npy", "documents_indices.npy", "terms.npy"])
def test_a_missing_or_damaged_file(folder, name):
    path = folder / name
    for damaged in (path.read_bytes()[:-1], b""):
        path.write_bytes(damaged)
        text = message(load_teacher, folder)
        assert text.startswith(f"{path} cannot be read (")
        assert text.endswith("Run: dvc repro -f teacher")
    path.unlink()
    assert message(load_teacher, folder) == f"{folder} has no teacher vectors. Run: dvc repro teacher"


def test_files_of_different_texts(folder):
    save_rows(folder, "documents", count_terms([["x"]], {"x": 0}, grow=False))
    assert "the dense and the lexical teacher differ in texts. Run: " in message(load_teacher, folder)
    np.save(folder / "queries_ids.npy", text_numbers(["q2"]))
    assert "queries_ids.npy and queries.npy differ in length. Run: " in message(load_teacher, folder)
