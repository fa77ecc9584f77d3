"""What makes two figures of an evaluation comparable: recorded beside them, checked before they are compared."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from kosplade.params import Params
from kosplade.retrieval.beir import SPLITS, Collection
from kosplade.retrieval.results import SYSTEMS

DIFFERS = {
    "documents": "another collection",
    **dict.fromkeys(SPLITS, "other queries or judgements"),
    "depth": "another eval.depth",
    "sample": "another eval.sparsity_documents",
}


def collection_basis(collections: Mapping[str, Collection]) -> dict[str, str]:
    """Hashes of the documents, which all splits share, and of each split's queries and judgements."""
    documents = next(iter(collections.values()))
    splits = {split: _digest(one.query_ids, one.queries, one.qrels) for split, one in collections.items()}
    return {"documents": _digest(documents.document_ids, documents.documents)} | splits


def baseline_basis(params: Params, tokenizer: Path) -> dict[str, str]:
    """What decides the figures of each baseline beside the collection; `tokenizer` is the file of BM25's pieces."""
    bm25 = f"k1 {params.eval.bm25_k1:g}, b {params.eval.bm25_b:g}"
    lengths = f"{params.model.max_query_length} and {params.model.max_document_length} pieces"
    teacher = params.teacher
    return {
        "bm25": f"{bm25}, {lengths}, tokenizer {hashlib.sha256(tokenizer.read_bytes()).hexdigest()[:12]}",
        "bm25_kiwi": f"{bm25}, kiwipiepy {version('kiwipiepy')}",
        "dense": f"{teacher.name}, revision {teacher.revision}, {teacher.pooling}, {teacher.query_prefix!r}, "
        f"{teacher.document_prefix!r}, {teacher.max_length} pieces",
    }


def why_not_comparable(
    base: Mapping[str, Any] | None, now: Mapping[str, Any] | None, keys: Iterable[str]
) -> str | None:
    """Why two figures that these keys of `basis` decide cannot be compared, for a line of a report, or None."""
    for side, basis in (("the base", base), ("this run", now)):
        if not basis:
            return f"{side} records no basis: not compared"
    for key in keys:
        if base.get(key) != now.get(key):
            sides = "" if key in ("documents", *SPLITS) else f" ({base.get(key)}; now {now.get(key)})"
            return f"{DIFFERS.get(key, f'other settings of {SYSTEMS.get(key)}')}{sides}: not compared"
    return None


def _digest(*values: Any) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]
