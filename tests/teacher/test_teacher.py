"""The teacher: vectors and terms written once, looked up by row."""

import numpy as np
import pytest

from kosplade.errors import UserError
from kosplade.records.bm25 import count_terms
from kosplade.records.text import text_id
from kosplade.teacher import teacher as module
from kosplade.teacher.lexical import save_rows
from kosplade.teacher.teacher import load_teacher, text_numbers, write_side


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
    for side, vectors in ((teacher.queries, QUERIES), (teacher.documents, DOCUMENTS)):
        texts = [*reversed(vectors), *vectors]
        found = side.vectors(side.rows(iter(texts)))
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, [vectors[text] for text in texts], atol=1e-3)  # float16 keeps three digits


def test_cosines_and_shared_terms_add_up(folder):
    teacher = load_teacher(folder)
    queries, documents = teacher.queries.rows(["q2", "q1 x"]), teacher.documents.rows(["d3 x q2 x", "d1 x", "d2"])
    logits = teacher.logits(queries, documents, temperature=0.5, lexical_weight=10)
    assert logits.dtype == np.float32
    # q2: .6 * .8 + .8 * .6 = .96, .8 and .6; it shares itself with d3. q1: .8, 0 and 1; x is twice in d3, once in d1.
    np.testing.assert_allclose(logits, [[1.92 + 10, 1.6, 1.2], [1.6 + 20, 10, 2]], atol=1e-2)


def test_texts_are_found_whatever_their_blanks(folder):
    queries = load_teacher(folder).queries
    assert queries.rows([" q1  x\n"]).tolist() == queries.rows(["q1 x"]).tolist()


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
        with pytest.raises(UserError):
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


def test_ids_and_vectors_are_memory_mapped_and_vectors_float16(folder):
    queries = load_teacher(folder).queries
    assert isinstance(queries.ids_N, np.memmap)
    assert isinstance(queries.vectors_ND, np.memmap)
    assert (queries.ids_N.dtype, queries.vectors_ND.dtype) == (np.uint64, np.float16)


def test_equal_texts_give_equal_bytes(folder, tmp_path):
    again = tmp_path / "again"
    again.mkdir()
    cache_both(again, QUERIES, DOCUMENTS)
    for path in again.iterdir():
        assert path.read_bytes() == (folder / path.name).read_bytes()


def message(action) -> str:
    with pytest.raises(UserError) as error:
        action()
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(("queries", "documents"), [(["q3"], ["d2"]), (["q2"], ["q2"])])
def test_a_text_that_the_teacher_never_saw(folder, queries, documents):
    teacher = load_teacher(folder)

    def look_up():
        teacher.queries.rows(queries)
        teacher.documents.rows(documents)

    assert message(look_up) == "outputs/teacher lacks a training text. Run: dvc repro teacher"


@pytest.mark.parametrize(
    "name", ["queries.npy", "queries_ids.npy", "documents.npy", "documents_indices.npy", "terms.npy"]
)
def test_a_missing_file(folder, name):
    (folder / name).unlink()
    assert message(lambda: load_teacher(folder)) == f"{folder} has no teacher vectors. Run: dvc repro teacher"


@pytest.mark.parametrize("name", ["documents.npy", "queries_ids.npy", "queries_indptr.npy", "terms.npy"])
@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-1],
        lambda data: b"not an array",
        lambda data: b"",
    ],
)
def test_a_damaged_file(folder, name, damage):
    path = folder / name
    path.write_bytes(damage(path.read_bytes()))
    text = message(lambda: load_teacher(folder))
    assert text.startswith(f"{path} cannot be read (")
    assert text.endswith("Run: dvc repro -f teacher")


def test_ids_and_vectors_of_different_length(folder):
    np.save(folder / "queries_ids.npy", text_numbers(["q2"]))
    assert message(lambda: load_teacher(folder)) == (
        f"{folder}: queries_ids.npy and queries.npy differ in length. Run: dvc repro -f teacher"
    )


def test_lexical_rows_of_other_texts(folder):
    save_rows(folder, "queries", count_terms([["x"]], {"x": 0}, grow=False))
    assert message(lambda: load_teacher(folder)) == (
        f"{folder}: the dense and the lexical teacher differ in texts. Run: dvc repro -f teacher"
    )
