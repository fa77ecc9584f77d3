"""The README.md beside the OpenSearch files: the requests in order, with the names, sizes and hashes of this export."""

from collections.abc import Mapping, Sequence
from typing import Any

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
    """Markdown. `models` are the register requests by file stem (document, then query), `model_ids` their placeholders.

    `escaped` are the names of pieces in which `sign` stands for a dot.
    """
    document, query = models
    rows = [
        {
            "file": f"{stem}.zip",
            "model": config["name"],
            "function": config["function_name"],
            "bytes": str(config["model_content_size_in_bytes"]),
            "sha256": config["model_content_hash_value"],
        }
        for stem, config in models.items()
    ]
    escapes = (
        f"""in {len(escaped)} pieces `{sign}` (U+{ord(sign):04X}) stands for a dot, at which a `rank_feature` query
would split the name (`{escaped[0]}`)"""
        if escaped
        else "no piece holds a dot, at which a `rank_feature` query would split"
    )
    return f"""# kosplade {version} on an OpenSearch server

The server encodes documents and queries itself. Needed: the plugins ml-commons and neural-search, from OpenSearch 2.19
(`index_sparse_vector.json`: 3.3). Written from their sources, **not run against a real server**. To search a server
without plugins, encode on the client: `python -m kosplade.tools.opensearch`, in the repository that trained this model.

{format_table(rows, ["file", "model", "function", "bytes", "sha256"])}

## Requests in order

In this folder, with `curl` and `jq`; `server` may hold user and password. The nodes fetch the zips from `files`, an
address that they can reach (`python -m http.server` here, or `file:///` and the path of this folder on every node).

```bash
server=http://localhost:9200 files=http://localhost:8000
send() {{ curl -sS -X "$1" "$server$2" -H 'Content-Type: application/json' -d "${{3:-@-}}"; }}
finished() {{  # the model id of a task, once it is done
  until task=$(curl -sS "$server/_plugins/_ml/tasks/$1")
    jq -e '.state | test("COMPLETED|FAILED")' <<<"$task" >/dev/null
  do sleep 2; done
  jq -er 'if .state == "COMPLETED" then .model_id else halt_error end' <<<"$task"
}}
register() {{
  jq --arg g "$group" --arg u "$files/$1.zip" '. + {{model_group_id: $g, url: $u}}' "$1.json" |
    send POST /_plugins/_ml/models/_register | jq -er .task_id
}}

# 1. Allow models from an address, and on nodes that are no ML nodes.
send PUT /_cluster/settings '{{"persistent": {{"plugins.ml_commons.allow_registering_model_via_url": true,
  "plugins.ml_commons.only_run_on_ml_node": false}}}}'

# 2. A model group, and both models in it.
group=$(send POST /_plugins/_ml/model_groups/_register '{{"name": "kosplade-{version}"}}' | jq -er .model_group_id)
document=$(finished "$(register {document})")
query=$(finished "$(register {query})")

# 3. Deploy them.
for model in "$document" "$query"; do
  finished "$(send POST "/_plugins/_ml/models/$model/_deploy" '{{}}' | jq -er .task_id)"
done

# 4. Pipelines, then the index (index_sparse_vector.json in its place: approximate search by ids).
sed "s/{model_ids[document]}/$document/" ingest_pipeline.json | send PUT /_ingest/pipeline/kosplade-{version}-ingest
send PUT /_search/pipeline/kosplade-{version}-search @search_pipeline.json
send PUT /docs @index_rank_features.json

# 5. Documents: title, which may be missing, and text.
send PUT '/docs/_doc/1?refresh=true' @example_document.json

# 6. Search for "{" ".join(example.split())}".
sed "s/{model_ids[query]}/$query/" queries/rank_features_text.json | send POST /docs/_search
```

`queries/` holds that search in five forms: with the text (the server asks `{query}`), with the weights, and without
the neural-search plugin, whose clauses add up to the same dot product. For encoded queries put the id of `{document}`
in place of `{model_ids[query]}`.

## What to know

- A feature is a piece of the vocabulary: {escapes}. `sparse_vector` fields name pieces by id.
- The index of `python -m kosplade.tools.opensearch` names its features otherwise (`p123`): one index, one way.
- Pieces that are not served have weight 0 in documents and next to none in `idf.json`, as a query must not hold 0.
- The ingest pipeline leaves out weights below a tenth of a document's largest; `prune_type` none keeps all.
- Weights in a `sparse_vector` are one byte each: those above `quantization_ceiling_ingest` are cut to it.
"""
