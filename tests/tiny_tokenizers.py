"""One tiny tokenizer of each kind, made of a few Korean sentences."""

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

SENTENCES = [
    "서울에서 맛있는 식당을 추천해 주세요",
    "카드는 은행에서 만들고 결제는 식당에서 합니다",
    "그리고 카드를 잃어버리면 은행에 전화를 하세요",
    "학교는 서울에 있고 은행은 부산에 있다",
    "식당을 예약하는 방법을 알려 주세요, 그리고 the card를 보내 주세요.",
]
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]


def unigram(**more: float) -> PreTrainedTokenizerFast:
    """`▁은행`, `을`; built as XLM-RoBERTa's, with a piece for each letter and `more` (log-probabilities)."""
    scores = dict.fromkeys(SPECIAL, 0.0) | dict.fromkeys(sorted(set("▁".join(SENTENCES)) - {" "}), -8.0)
    scores |= {"▁": -4.0, "을": -5.0, "▁은행": -6.0, "▁카드": -6.0, "▁그리고": -6.0, "에서": -6.0, "▁the": -9.0} | more
    backend = Tokenizer(models.Unigram(list(scores.items()), unk_id=SPECIAL.index("<unk>")))
    backend.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    backend.decoder = decoders.Metaspace()
    return _wrapped(backend)


def wordpiece() -> PreTrainedTokenizerFast:
    """`은행`, `##을`; built as BERT's."""
    backend = Tokenizer(models.WordPiece(unk_token="<unk>"))
    backend.normalizer = normalizers.BertNormalizer(strip_accents=False, lowercase=False)
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.decoder = decoders.WordPiece()
    backend.train_from_iterator(
        SENTENCES, trainers.WordPieceTrainer(vocab_size=240, special_tokens=SPECIAL, show_progress=False)
    )
    return _wrapped(backend)


def byte_level(sentences: list[str] = SENTENCES) -> PreTrainedTokenizerFast:
    """`ĠìĿĢíĸī` for ` 은행`, and a piece for each byte; built as GPT-2's."""
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=420, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False
    )
    backend.train_from_iterator(sentences, trainer)
    return _wrapped(backend)


def _wrapped(backend: Tokenizer) -> PreTrainedTokenizerFast:
    names = dict(zip(("bos_token", "pad_token", "eos_token", "unk_token", "mask_token"), SPECIAL, strict=True))
    return PreTrainedTokenizerFast(tokenizer_object=backend, **names)
