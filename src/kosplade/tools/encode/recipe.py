"""One shard: its texts become vectors, and a file in the folder of shards."""

from dataclasses import dataclass
from pathlib import Path

import torch
from scipy.sparse import csr_matrix

from kosplade.records.inputs import Shard
from kosplade.retrieval.served import ServedModel, check_length
from kosplade.tools.encode.shards import Folder
from kosplade.tools.variants.loading import load_any

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class Recipe:
    """What decides a vector beside the text."""

    model: Path
    max_document_length: int
    dtype: str

    def load(self) -> ServedModel:
        """The model, on a GPU if there is one. UserError as `load_any`, and for a length that it cannot read."""
        model = load_any(
            self.model, max_query_length=self.max_document_length, max_document_length=self.max_document_length
        )
        check_length(model, self.max_document_length, "--max-document-length")
        model.encoder.to_fastest()
        model.encoder.dtype = DTYPES[self.dtype]
        return model


def encode_shard(model: ServedModel, folder: Folder, file: int, shard: Shard) -> None:
    """Write the shard, of the input with the number `file`, with its vectors."""
    texts = [document.whole for document in shard.documents]
    vectors_NV = model.documents(texts, "") if texts else csr_matrix((0, len(model.unserved_V)))
    folder.write(file, shard, vectors_NV)
