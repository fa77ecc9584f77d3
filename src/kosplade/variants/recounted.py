"""The same model with the IDF of another collection: what inference-free queries weigh by is a table, counted anew.

The IDF of an export is that of its training text. Words of another field weigh wrongly by it: "조" (article) is rare in
speeches and in every document of a collection of laws. Counting the collection takes seconds and trains nothing.
"""

import shutil
from pathlib import Path

import numpy as np
import torch

from kosplade.export.sentence_transformers import write_sentence_transformers
from kosplade.files import write_json
from kosplade.retrieval.served import ServedModel
from kosplade.vocab.idf import count_documents
from kosplade.vocab.pieces import piece_strings

TEXTS_AT_ONCE = 1024
MODEL = ("config.json", "model*.safetensors*", "tokenizer*.json", "special_tokens_map.json")


def write_recounted(model: ServedModel, source: Path, texts: list[str], folder: Path) -> None:
    """Write the export `source`, loaded as `model`, with the BM25 IDF of `texts` into `folder`.

    Documents keep their vectors, and what is not served stays so. The model card and `opensearch/`, which hold figures
    and tables of the old IDF, are left out.
    """
    for pattern in MODEL:
        for file in source.glob(pattern):
            shutil.copyfile(file, folder / file.name)
    idf_V = count_documents(texts, model.tokenizer, TEXTS_AT_ONCE, "recounted: pieces", len(texts)).idf()
    weight_V = np.where(model.hidden_V, np.float32(0), idf_V)
    write_json(folder / "idf.json", dict(zip(piece_strings(model.tokenizer), weight_V.tolist(), strict=True)))
    write_sentence_transformers(
        folder,
        torch.from_numpy(weight_V),
        model.tokenizer,
        max_query_length=model.max_query_length,
        max_document_length=model.max_document_length,
    )
