"""A masked-language model of 2,000 pieces made here, and real Korean to train it on: a chain of stages in seconds."""

import io
import json
from pathlib import Path
from typing import Any

import sentencepiece
import torch
from sentencepiece import sentencepiece_model_pb2
from transformers import BertConfig, BertForMaskedLM, PretrainedConfig, PreTrainedTokenizerBase

from kosplade.pretrained.unigram import unigram_tokenizer

QUERIES = Path(__file__).parents[1] / "data/queries/train.jsonl"
ROLES = {"bos": 0, "pad": 1, "eos": 2, "unk": 3}
PIECES = 2000


def tiny_config(kind: type[PretrainedConfig] = BertConfig, **changes: Any) -> PretrainedConfig:
    """Of an encoder of 40 pieces, of which 1 is padding."""
    sizes = {"vocab_size": 40, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    return kind(**sizes | {"intermediate_size": 16, "max_position_embeddings": 16, "pad_token_id": 1} | changes)


def write_records(file: Path, count: int) -> None:
    """Training records: a word of a written query asks for it and its neighbour; every fourth such answer is shared."""
    texts = _texts()
    records = []
    for number, pair in enumerate(zip(texts[::2], texts[1::2], strict=False)):
        asking = pair if number % 4 == 0 else pair[:1]
        records += [{"query": text.split()[1], "positive": " ".join(pair)} for text in asking]
    file.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in records[:count]), encoding="utf-8")


def tiny_tokenizer() -> PreTrainedTokenizerBase:
    """A Unigram one estimated from the repository's written queries, built as the embedded one is; always the same."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(_texts()),
        model_writer=model,
        vocab_size=PIECES,
        num_threads=1,
        **{f"{role}_id": number for role, number in ROLES.items()},
        minloglevel=2,
    )
    pieces = sentencepiece_model_pb2.ModelProto.FromString(model.getvalue()).pieces
    return unigram_tokenizer([*((one.piece, one.score) for one in pieces), ("<mask>", 0.0)], ROLES, 128)


def _texts() -> list[str]:
    return [json.loads(line)["query"] for line in QUERIES.read_text(encoding="utf-8").splitlines()]


def write_tiny_model(folder: Path) -> None:
    """A BERT of two layers whose logits already favour a position's own piece, so a dozen steps teach it something.

    The same folder serves as dense teacher.
    """
    tokenizer = tiny_tokenizer()
    torch.manual_seed(0)
    config = tiny_config(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        intermediate_size=64,
        max_position_embeddings=128,
        hidden_act="linear",
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        pad_token_id=tokenizer.pad_token_id,
    )
    mlm = BertForMaskedLM(config).eval()
    with torch.no_grad():
        mlm.get_input_embeddings().weight.normal_(std=0.4)
        mlm.cls.predictions.transform.dense.weight.copy_(torch.eye(32))
        mlm.cls.predictions.bias.fill_(-7.0)
    mlm.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
