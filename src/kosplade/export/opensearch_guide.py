"""The README.md beside the OpenSearch files (opensearch_guide.md): requests in order, names, sizes and hashes."""

from collections.abc import Mapping, Sequence
from typing import Any

from kosplade.export.templates import fill
from kosplade.retrieval.results import format_table


def guide(
    *,
    version: str,
    models: Mapping[str, Mapping[str, Any]],
    model_ids: Mapping[str, str],
    example: str,
    sign: str,
    escaped: Sequence[str],
) -> str:
    """Markdown. `models` are the register requests by file stem (document, query, query by rank), `model_ids` their
    placeholders, `escaped` are the names of pieces in which `sign` stands for a dot.
    """
    document, query, ranks = models
    fields = ("name", "function_name", "model_content_size_in_bytes", "model_content_hash_value")
    rows = [(f"{stem}.zip", *(str(config[field]) for field in fields)) for stem, config in models.items()]
    escapes = (
        f"""in {len(escaped)} pieces `{sign}` (U+{ord(sign):04X}) stands for a dot, at which a `rank_feature` query
would split the name (`{escaped[0]}`)"""
        if escaped
        else "no piece holds a dot, at which a `rank_feature` query would split"
    )
    return fill(
        "opensearch_guide.md",
        version=version,
        table=format_table(rows, ["file", "model", "function", "bytes", "sha256"]),
        document=document,
        query=query,
        ranks=ranks,
        document_id=model_ids[document],
        query_id=model_ids[query],
        ranks_id=model_ids[ranks],
        example=" ".join(example.split()),
        escapes=escapes,
    )
