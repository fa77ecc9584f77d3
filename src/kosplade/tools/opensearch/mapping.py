"""The mapping of an index, and whether an index that is there was made by the same model."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kosplade.errors import UserError
from kosplade.export.hybrid_requests import TEXT_FIELDS, text_properties

FIELD = "features"  # of type rank_features
HASH = "text_sha256"  # of what was encoded: whether a document has to be indexed again
_VECTORS = ("config.json", "idf.json", "tokenizer.json", "*.safetensors")  # the files that decide them
_PROPERTIES = {
    FIELD: {"type": "rank_features"},
    **text_properties(None),
    HASH: {"type": "keyword", "index": False, "doc_values": False},
}


def fingerprint(folder: Path) -> str:
    """SHA-256 (hex) over the names and bytes of an export's files that decide its vectors.

    The weights are read in full (about a second for 400 MB): two trainings of one configuration have the same file
    sizes and the same IDF.
    """
    total = hashlib.sha256()
    for path in sorted(path for pattern in _VECTORS for path in folder.glob(pattern)):
        with path.open("rb") as file:
            total.update(f"{path.name} {hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return total.hexdigest()


def index_body(model: str, max_document_length: int, analyzer: str | None = "nori") -> dict[str, Any]:
    """What creates an index: strict fields, and a `_meta` that says which model (a `fingerprint`) it belongs to.

    `analyzer` is that of title and text; None is the server's own.
    """
    meta = {"model": model, "max_document_length": max_document_length}
    properties = _PROPERTIES | text_properties(analyzer)
    return {"mappings": {"_meta": {"kosplade": meta}, "dynamic": "strict", "properties": properties}}


def check_ours(index: str, mappings: Mapping[str, Any]) -> None:
    """UserError for an index that this program did not make: it is neither searched nor ever deleted."""
    if not isinstance(mappings.get("_meta", {}).get("kosplade"), dict):
        raise UserError(f"index '{index}': its mapping has no _meta.kosplade, so it is not ours. Choose another.")


def difference(mappings: Mapping[str, Any], model: str, max_document_length: int | None = None) -> str:
    """In what an index of ours is another than `index_body` makes, as words for a message; "" where in nothing.

    Without `max_document_length` any is right: a search has no say in it.
    """
    meta = mappings["_meta"]["kosplade"]
    if meta.get("model") != model:
        return f"of another model ({str(meta.get('model'))[:12]}, not {model[:12]})"
    length = meta.get("max_document_length")
    if max_document_length not in (None, length):
        return f"of documents cut to {length} pieces, not {max_document_length}"
    properties = mappings.get("properties", {})
    for name, wanted in _PROPERTIES.items():
        if (found := properties.get(name, {}).get("type")) != wanted["type"]:
            return f"of another mapping (field '{name}' is {found}, not {wanted['type']})"
    if any(properties[name].get("index") is False for name in TEXT_FIELDS):
        return "of another mapping (title and text cannot be searched)"
    return ""
