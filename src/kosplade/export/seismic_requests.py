"""Requests of the opensearch/ folder for a `sparse_vector` field, which the server fills and asks by ranks."""

from collections.abc import Mapping
from typing import Any

from kosplade.export.seismic import Ranks

# A document without any ranked piece loses the field: an empty one is refused.
_SCRIPT = """
Map ranked = new HashMap();
for (def piece : ctx[params.field].entrySet()) {
  def rank = params.ranks[piece.getKey()];
  if (rank != null) { ranked[rank] = piece.getValue(); }
}
if (ranked.isEmpty()) { ctx.remove(params.field); } else { ctx[params.field] = ranked; }
"""


def ranked_pipeline(pipeline: Mapping[str, Any], field: str, ranks: Ranks) -> dict[str, Any]:
    """The ingest pipeline `pipeline` for an index whose `field` holds ranks.

    There the processor sparse_encoding gives ids of pieces. It may not skip documents that the index holds: it would
    take their ranks for ids.
    """
    processors = [
        {kind: settings | ({"skip_existing": False} if kind == "sparse_encoding" else {})}
        for one in pipeline["processors"]
        for kind, settings in one.items()
    ]
    table = {str(piece): str(rank) for rank, piece in enumerate(ranks.piece_R.tolist())}
    script = {"lang": "painless", "source": " ".join(_SCRIPT.split()), "params": {"field": field, "ranks": table}}
    return {
        "description": f"{pipeline['description']}, by rank",
        "processors": [*processors, {"script": script}, {"remove": {"field": "encoded"}}],
    }
