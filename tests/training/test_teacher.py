"""Dense teacher vectors: pooling, order, cache and cosines."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertModel

from kosplade.corpus.text import text_id
from kosplade.errors import UserError
from kosplade.training.teacher import encode_dense, load_teacher, save_vectors

TEXTS = ["w5 w6 w7", "w8", "w9 w10 w11 w12 w13 w14", "w15 w16"]


@pytest.fixture(scope="module")
def encoder():
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=40,
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=16,
        initializer_range=0.5,
    )
    return BertModel(config, add_pooling_layer=False).eval()


def encode(encoder, tokenizer, pooling="mean", texts=TEXTS, **sizes):
    sizes = {"max_length": 16, "batch_size": 2} | sizes
    return encode_dense(texts, encoder, tokenizer, pooling=pooling, label="test", **sizes)


class Positions(torch.nn.Module):
    """Gives the piece with id p the state (p, 1) wherever it stands, padding included."""

    config = SimpleNamespace(hidden_size=2)
    device = torch.device("cpu")

    def forward(self, ids_BL, mask_BL):
        return SimpleNamespace(last_hidden_state=torch.stack([ids_BL.float(), torch.ones(ids_BL.shape)], dim=2))


@pytest.mark.parametrize(
    ("pooling", "firsts"),
    [
        ("mean", [(0 + 5 + 6 + 7 + 2) / 5, (0 + 8 + 2) / 3]),  # <s> is 0, </s> 2; padding (1) is left out
        ("cls", [0.0, 0.0]),  # the state of <s>
    ],
)
def test_pooling_by_hand(word_tokenizer, pooling, firsts):
    vectors = encode(Positions(), word_tokenizer, pooling, TEXTS[:2])
    # (x, 1) divided by its length
    expected = [[x / (x * x + 1) ** 0.5, 1 / (x * x + 1) ** 0.5] for x in firsts]
    np.testing.assert_allclose(vectors, expected, rtol=1e-6)


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_the_order_is_that_of_the_texts_and_batches_do_not_matter(encoder, word_tokenizer, pooling):
    together = encode(encoder, word_tokenizer, pooling)
    alone = np.concatenate([encode(encoder, word_tokenizer, pooling, [text]) for text in TEXTS])
    assert (together.dtype, together.shape) == (np.float32, (4, 8))
    np.testing.assert_allclose(together, alone, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-6)
    # The texts differ, so the order shows.
    assert np.abs(together - together[0]).max(axis=1)[1:].min() > 0.01


def test_long_texts_are_cut(encoder, word_tokenizer):
    cut = encode(encoder, word_tokenizer, texts=["w9 w10 w11 w12"], max_length=4)
    np.testing.assert_allclose(cut, encode(encoder, word_tokenizer, texts=["w9 w10"]), atol=1e-6)


@pytest.fixture
def folder(tmp_path):
    save_vectors(tmp_path, "queries", [text_id("q1"), text_id("q2")], np.float32([[1, 0], [0.6, 0.8]]))
    save_vectors(
        tmp_path, "documents", [text_id(t) for t in ("d1", "d2", "d3")], np.float32([[0, 1], [1, 0], [0.8, 0.6]])
    )
    return tmp_path


def test_cosines_by_hand(folder):
    scores = load_teacher(folder).scores(["q2", "q1", "q2"], ["d3", "d1"])
    assert scores.dtype == np.float32
    # q2 . d3 = .6 * .8 + .8 * .6 = .96, q2 . d1 = .8; q1 . d3 = .8, q1 . d1 = 0. float16 keeps three digits.
    np.testing.assert_allclose(scores, [[0.96, 0.8], [0.8, 0.0], [0.96, 0.8]], atol=1e-3)


def test_texts_are_found_whatever_their_blanks(folder):
    assert load_teacher(folder).scores([" q1\n"], ["d2"])[0, 0] == 1


def test_vectors_are_memory_mapped_float16(folder):
    teacher = load_teacher(folder)
    assert isinstance(teacher.queries_ND, np.memmap)
    assert teacher.documents_ND.dtype == np.float16


def message(action) -> str:
    with pytest.raises(UserError) as error:
        action()
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(("queries", "documents"), [(["q3"], ["d1"]), (["q1"], ["q1"])])
def test_a_text_that_the_teacher_never_saw(folder, queries, documents):
    teacher = load_teacher(folder)
    assert message(lambda: teacher.scores(queries, documents)) == (
        "outputs/teacher lacks a training text. Run: dvc repro teacher"
    )


@pytest.mark.parametrize("name", ["queries.npy", "queries.txt", "documents.npy", "documents.txt"])
def test_a_missing_file(folder, name):
    (folder / name).unlink()
    assert message(lambda: load_teacher(folder)) == f"{folder} has no teacher vectors. Run: dvc repro teacher"


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-1],
        lambda data: b"not an array",
        lambda data: b"",
    ],
)
def test_a_damaged_file(folder, damage):
    path = folder / "documents.npy"
    path.write_bytes(damage(path.read_bytes()))
    text = message(lambda: load_teacher(folder))
    assert text.startswith(f"{path} cannot be read (")
    assert text.endswith("Run: dvc repro -f teacher")


def test_ids_and_vectors_of_different_length(folder):
    (folder / "queries.txt").write_text(text_id("q1") + "\n")
    assert message(lambda: load_teacher(folder)) == (
        f"{folder}: queries.txt and queries.npy differ in length. Run: dvc repro -f teacher"
    )
