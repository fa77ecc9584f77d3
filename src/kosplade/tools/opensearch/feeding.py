"""What is indexed, in batches: documents of a file, encoded here, or shards of documents that are encoded already."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scipy.sparse import csr_matrix

from kosplade.export.seismic import Ranks, ranks_of
from kosplade.records.document import Document
from kosplade.retrieval.served import ServedModel
from kosplade.tools.encode.shards import Folder
from kosplade.tools.opensearch.approximate import to_ranked_features
from kosplade.tools.opensearch.chunks import encode_chunks
from kosplade.tools.opensearch.features import to_features
from kosplade.tools.opensearch.mapping import CHUNKS, FIELD
from kosplade.tools.opensearch.texts import batches, check_id, read_documents

BATCH = 256  # documents encoded, looked up and sent together: what an interruption costs
CHUNKED_BATCH = 32  # the same where they are split: each is several texts to encode


@dataclass(frozen=True)
class Batch:
    """Documents, and what makes each findable: fields of those with the given numbers, in that order."""

    documents: list[Document]
    fields: Callable[[list[int]], Iterable[dict[str, Any]]]


def batches_of_texts(model: ServedModel, path: Path, kind: str) -> Iterator[Batch]:
    """The documents of a JSONL file; those that are asked for are encoded as an index of that kind holds them."""
    ranks = ranks_of(model) if kind == "approximate" else None

    def fields(documents: list[Document]) -> Iterator[dict[str, Any]]:
        if kind == "chunked":
            return _chunks(model, documents)
        return _features(documents, model.documents([document.whole for document in documents], ""), ranks)

    for documents in batches(read_documents(path), CHUNKED_BATCH if kind == "chunked" else BATCH):
        yield Batch(documents, lambda numbers, of=documents: fields([of[number] for number in numbers]))


def batches_of_vectors(folder: Folder, ranks: Ranks | None) -> Iterator[Batch]:
    """The documents of shards with their vectors, by `ranks` where the index is approximate."""
    for encoded in folder.read():
        for start in range(0, len(encoded.documents), BATCH):
            documents, vectors_NV = encoded.documents[start : start + BATCH], encoded.vectors_NV[start : start + BATCH]
            for document in documents:
                check_id(document)

            def fields(
                numbers: list[int], documents: list[Document] = documents, vectors_NV: csr_matrix = vectors_NV
            ) -> Iterator[dict[str, Any]]:
                return _features([documents[number] for number in numbers], vectors_NV[numbers], ranks)

            yield Batch(documents, fields)


def _features(
    documents: list[Document], vectors_NV: csr_matrix, ranks: Ranks | None = None
) -> Iterator[dict[str, Any]]:
    """The vector of each document, with `ranks` by these."""
    for document, vector_1V in zip(documents, vectors_NV, strict=True):
        owner = f"document '{document.id}'"
        features = to_ranked_features(vector_1V, owner, ranks) if ranks else to_features(vector_1V, owner)
        yield {FIELD: features} if features else {}  # a sparse_vector that is empty is refused


def _chunks(model: ServedModel, documents: list[Document]) -> Iterator[dict[str, Any]]:
    """The same of documents that are split: texts and vectors of their chunks."""
    texts, vectors_CV = encode_chunks(model, documents, "")
    vectors = iter(vectors_CV)
    for document, of in zip(documents, texts, strict=True):
        owner = f"document '{document.id}'"
        yield {CHUNKS: [{"text": text, FIELD: to_features(next(vectors), owner)} for text in of]}
