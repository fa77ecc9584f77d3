"""The XLM-RoBERTa tokenizer rebuilt from its pieces and scores, as a plain `tokenizer.json`."""

import io

import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import Regex, Tokenizer, decoders, normalizers, pre_tokenizers, processors
from tokenizers.models import Unigram
from transformers import PreTrainedTokenizerFast

MASK = "<mask>"


def nmt_nfkc_charsmap() -> bytes:
    """SentencePiece's `nmt_nfkc` normalisation table.

    It is not published on its own, but every model that the library trains with this rule carries it.
    """
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["가 나 다 라 마 바 사"] * 4),
        model_writer=model,
        vocab_size=16,
        hard_vocab_limit=False,
        normalization_rule_name="nmt_nfkc",
        minloglevel=2,
    )
    proto = sentencepiece_model_pb2.ModelProto.FromString(model.getvalue())
    return proto.normalizer_spec.precompiled_charsmap


def unigram_tokenizer(
    pieces: list[tuple[str, float]], special_ids: dict[str, int], max_length: int
) -> PreTrainedTokenizerFast:
    """Build the tokenizer of XLM-RoBERTa: nmt_nfkc, Metaspace, Unigram, `<s> text </s>`.

    `pieces` are (piece, log-probability) in id order; `special_ids` maps bos, eos, pad and unk to ids.
    """
    names = {role: pieces[index][0] for role, index in special_ids.items()}
    backend = Tokenizer(Unigram(pieces, unk_id=special_ids["unk"]))
    backend.normalizer = normalizers.Sequence(
        # The compiled table misses some decomposed syllables, which keyboards of some systems produce: compose first.
        [normalizers.NFC(), normalizers.Precompiled(nmt_nfkc_charsmap()), normalizers.Replace(Regex(" {2,}"), " ")]
    )
    backend.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    backend.decoder = decoders.Metaspace()
    bos, eos = names["bos"], names["eos"]
    backend.post_processor = processors.TemplateProcessing(
        single=f"{bos} $A {eos}",
        pair=f"{bos} $A {eos} {eos} $B {eos}",
        special_tokens=[(bos, special_ids["bos"]), (eos, special_ids["eos"])],
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        bos_token=bos,
        cls_token=bos,
        eos_token=eos,
        sep_token=eos,
        pad_token=names["pad"],
        unk_token=names["unk"],
        mask_token=MASK,
        model_max_length=max_length,
    )
    return tokenizer
