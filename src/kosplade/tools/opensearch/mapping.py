"""The mapping of an index, and whether an index that is there was made by the same model."""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kosplade.errors import UserError
from kosplade.export.hybrid_requests import text_properties

FIELD = "features"
CHUNKS = "chunks"  # of type nested: in place of FIELD, the features and the text of each chunk
HASH = "text_sha256"  # of what was encoded: whether a document has to be indexed again
_FEATURES = {FIELD: {"type": "rank_features"}}
# What an index holds: vectors of documents, of their chunks, or of documents for Seismic.
KINDS: dict[str, dict[str, Any]] = {
    "exact": _FEATURES,
    "chunked": {CHUNKS: {"type": "nested", "properties": _FEATURES | {"text": {"type": "text", "index": False}}}},
    "approximate": {FIELD: {"type": "sparse_vector"}},
}
_HELD = {"exact": "documents cut to", "chunked": "chunks of", "approximate": "documents for --approximate, cut to"}
_HASH = {HASH: {"type": "keyword", "index": False, "doc_values": False}}
# The files that decide them.
_VECTORS = ("config.json", "idf.json", "expandable.json", "tokenizer.json", "*.safetensors", "*.onnx")


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


def index_body(
    model: str,
    max_document_length: int,
    kind: str = "exact",
    *,
    field: Mapping[str, Any] | None = None,
    analyzer: str | None = "nori",
) -> dict[str, Any]:
    """What creates an index of one of KINDS: strict fields, and a `_meta` that says which model made it.

    `model` is a `fingerprint`, `max_document_length` that of a document or chunk, `field` the mapping of FIELD where
    that depends on the model, `analyzer` that of title and text (None: the server's own). Vectors are indexed and not
    kept in _source: they would be most of it, and the same text gives them again.
    """
    meta = {"model": model, "max_document_length": max_document_length, "kind": kind}
    properties = KINDS[kind] | ({FIELD: field} if field else {}) | text_properties(analyzer) | _HASH
    return {
        "settings": {"index": {"sparse": True}} if kind == "approximate" else {},
        "mappings": {
            "_meta": {"kosplade": meta},
            "_source": {"excludes": [FIELD, f"{CHUNKS}.{FIELD}"]},
            "dynamic": "strict",
            "properties": properties,
        },
    }


def check_ours(index: str, mappings: Mapping[str, Any]) -> None:
    """UserError for an index that this program did not make: it is neither searched nor ever deleted."""
    if not isinstance(mappings.get("_meta", {}).get("kosplade"), dict):
        raise UserError(f"index '{index}': its mapping has no _meta.kosplade, so it is not ours. Choose another.")


def difference(
    mappings: Mapping[str, Any], model: str, max_document_length: int | None = None, kind: str | None = None
) -> str:
    """In what an index of ours is another than `index_body` makes, as words for a message; "" where in nothing.

    Without `max_document_length` and `kind` any is right: a search has no say in them.
    """
    meta = mappings["_meta"]["kosplade"]
    if meta.get("model") != model:
        return f"of another model ({str(meta.get('model'))[:12]}, not {model[:12]})"
    held, length = meta.get("kind"), meta.get("max_document_length")
    if held not in KINDS:
        return "of an older form"
    if kind not in (None, held):
        return f"of {_HELD[held]} {length} pieces, not of {_HELD[kind]} {max_document_length}"
    if max_document_length not in (None, length):
        return f"of {_HELD[held]} {length} pieces, not {max_document_length}"
    found = dict(_types(mappings.get("properties", {})))
    for name, wanted in _types(KINDS[held] | text_properties() | _HASH):
        if found.get(name) != wanted:
            return f"of another mapping (field '{name}' is {found.get(name)}, not {wanted})"
    return ""


def _types(properties: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, str | None]]:
    """(dotted name, type) of each field; the fields of a nested one follow it."""
    for name, field in properties.items():
        yield path + name, field.get("type")
        yield from _types(field.get("properties", {}), f"{path}{name}.")
