"""What OpenSearch needs to encode on the server: three models to register, and the bodies of the requests.

    document_model.zip, document_model.json    SPARSE_ENCODING: TorchScript, tokenizer.json, LICENSE; what registers it
    query_model.zip, query_model.json          SPARSE_TOKENIZE: idf.json, tokenizer.json, LICENSE
    index_rank_features.json                   exact search over names of pieces
    index_sparse_vector.json                   approximate search over ranks (OpenSearch 3.3), which two files make:
    ingest_pipeline_sparse_vector.json         ... of documents,
    rank_query_model.zip, rank_query_model.json    ... of queries, SPARSE_ENCODING
    ingest_pipeline.json, search_pipeline.json
    hybrid_pipeline.json, hybrid_rrf_pipeline.json             one score of sparse field and BM25
    queries/                                   one query, with and without the neural-search plugin
    README.md                                  the requests in order

Equal exports give equal bytes.
"""

import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from kosplade.errors import UserError
from kosplade.export.archives import write_zip
from kosplade.export.hybrid_requests import hybrid_query, normalization_pipeline, rrf_pipeline, text_properties
from kosplade.export.opensearch_guide import guide
from kosplade.export.piece_names import dot_sign, piece_names, server_tokenizer
from kosplade.export.rank_query import write_rank_query
from kosplade.export.seismic import Ranks, field_of, method_parameters, ranks_of
from kosplade.export.seismic_requests import ranked_pipeline
from kosplade.export.torchscript import write_torchscript
from kosplade.files import replacing, write_json
from kosplade.retrieval.served import ServedModel, load_export
from kosplade.vocab.pieces import piece_strings

FIELD = "features"
REMEDY = "Run: make convert-v25-hf"
DOCUMENT, QUERY, RANKS = "document_model", "query_model", "rank_query_model"
FUNCTIONS = {DOCUMENT: "SPARSE_ENCODING", QUERY: "SPARSE_TOKENIZE", RANKS: "SPARSE_ENCODING"}
LEVEL = 1  # of deflate: 6 takes three times as long and saves little of what is packed already
# A query must not hold weight 0 (Lucene's FeatureField: "weight must be in (0, 64]"), and a piece that idf.json lacks
# would count 1. No document has these pieces: their weight decides nothing but that the query is accepted.
UNSERVED = 1e-6
TEXTS_AT_ONCE = 16  # documents of a bulk request that the server encodes together
_MOST = 64.0
_MODEL_IDS = {stem: f"{stem.upper()}_ID" for stem in FUNCTIONS}  # for the reader to fill in


def write_opensearch(
    folder: Path,
    *,
    version: str,
    licence: str,
    example: str,
    max_query_length: int,
    max_document_length: int,
) -> None:
    """Write `folder`/opensearch for the export in `folder`, as `write_folder` leaves it.

    `version` names the models (kosplade-<version>-document), `licence` is the text of LICENSE in the zips, `example`
    the text of the queries. Lengths count special pieces. Raises UserError for a folder that is no export, is damaged
    or whose parts do not fit each other, and for a model that TorchScript cannot hold.
    """
    model = load_export(folder, max_query_length=max_query_length, max_document_length=max_document_length)
    if model.query_weight_V.max() > _MOST:
        raise UserError(f"{folder}/idf.json: a weight above {_MOST:.0f}, which OpenSearch refuses. {REMEDY}")
    sign = dot_sign(piece_strings(model.tokenizer))
    names, ranks = piece_names(model.tokenizer), ranks_of(model)
    with replacing(folder / "opensearch") as target:
        target.mkdir()
        torchscript, rank_query = target / f"{DOCUMENT}.pt", target / f"{RANKS}.pt"
        write_torchscript(folder, model.occurrences, torchscript)
        write_rank_query(model.query_weight_V, ranks, rank_query)
        described = {
            DOCUMENT: f"Korean neural sparse encoder {version}: documents of up to {max_document_length} pieces",
            QUERY: f"Queries of up to {max_query_length} pieces for kosplade-{version}-document: the IDF of each piece",
            RANKS: f"Queries of up to {max_query_length} pieces for kosplade-{version}-document, by rank",
        }
        contents = {
            DOCUMENT: (max_document_length, {torchscript.name: lambda: torchscript.open("rb")}),
            QUERY: (max_query_length, {"idf.json": _json(_query_weights(model, names))}),
            RANKS: (max_query_length, {rank_query.name: lambda: rank_query.open("rb")}),
        }
        models = {}
        for stem, (length, members) in contents.items():
            path, tokenizer = target / f"{stem}.zip", server_tokenizer(folder, sign, length, REMEDY)
            common = {"tokenizer.json": _json(tokenizer), "LICENSE": _opener(licence.encode())}
            write_zip(path, members | common, LEVEL)
            models[stem] = _config(
                path,
                f"kosplade-{version}-{stem.removesuffix('_model').replace('_', '-')}",
                FUNCTIONS[stem],
                described[stem],
            )
        torchscript.unlink()
        rank_query.unlink()
        files = {f"{stem}.json": config for stem, config in models.items()}
        files |= _bodies(version, models, model, ranks, example)
        files |= _queries(model, names, ranks, example)
        for name, body in files.items():
            write_json(target / name, body)
        escaped = sorted(name for name in names if sign in name)
        text = guide(version=version, models=models, model_ids=_MODEL_IDS, example=example, sign=sign, escaped=escaped)
        (target / "README.md").write_text(text, encoding="utf-8")


def _query_weights(model: ServedModel, names: list[str]) -> dict[str, float]:
    """{name: weight} of every piece but the special ones, which a query drops."""
    weights = zip(names, model.query_weight_V.tolist(), strict=True)
    return {name: weight or UNSERVED for name, weight in weights if name}


def _config(path: Path, name: str, function: str, description: str) -> dict[str, Any]:
    """What ml-commons' register request says about a zip."""
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return {
        "name": name,
        "version": "1.0.0",
        "description": description,
        "function_name": function,
        "model_format": "TORCH_SCRIPT",
        "model_content_size_in_bytes": path.stat().st_size,
        "model_content_hash_value": sha256,
    }


def _bodies(version: str, models: dict[str, dict], model: ServedModel, ranks: Ranks, example: str) -> dict[str, dict]:
    """A document, and what makes pipelines and indices."""
    hashes = {name: config["model_content_hash_value"] for name, config in models.items()}

    ingest, search = f"kosplade-{version}-ingest", f"kosplade-{version}-search"

    def index(field: dict[str, Any], **settings: Any) -> dict:
        properties = text_properties() | {FIELD: field}
        mappings = {"_meta": {"kosplade_server": hashes}, "dynamic": False, "properties": properties}
        settings = {"default_pipeline": ingest} | settings
        return {"settings": {"index": settings}, "mappings": mappings}

    pipeline = {
        "description": f"kosplade {version}: title and text, as in training, become `{FIELD}`",
        "processors": [
            {"set": {"field": "encoded", "value": "{{{title}}}\n{{{text}}}"}},
            {
                "sparse_encoding": {
                    "model_id": _MODEL_IDS[DOCUMENT],
                    "prune_type": "max_ratio",
                    "prune_ratio": 0.1,
                    "batch_size": TEXTS_AT_ONCE,
                    "skip_existing": True,  # compares `encoded` with what is indexed, so that field stays
                    "field_map": {"encoded": FIELD},
                }
            },
        ],
    }
    return {
        "example_document.json": {"title": "", "text": example},
        "index_rank_features.json": index({"type": "rank_features"}, **{"search.default_pipeline": search}),
        # Two phases and Seismic exclude each other, so no search pipeline here.
        "index_sparse_vector.json": index(field_of(model), default_pipeline=f"{ingest}-ranks", sparse=True),
        "ingest_pipeline.json": pipeline,
        "ingest_pipeline_sparse_vector.json": ranked_pipeline(pipeline, FIELD, ranks),
        "hybrid_pipeline.json": normalization_pipeline(model.hybrid_weight["inference_free"]),
        "hybrid_rrf_pipeline.json": rrf_pipeline(),
        "search_pipeline.json": {
            "request_processors": [
                {
                    "neural_sparse_two_phase_processor": {
                        "enabled": True,
                        "two_phase_parameter": {"prune_ratio": 0.4, "expansion_rate": 5.0, "max_window_size": 10000},
                    }
                }
            ]
        },
    }


def _queries(model: ServedModel, names: list[str], ranks: Ranks, example: str) -> dict[str, dict]:
    """The same query in each form; scores agree but for what the server prunes and quantises."""
    query_1V = model.inference_free([example])
    if query_1V.nnz == 0:
        raise UserError(f"example query '{example}': no piece of it is served. Choose another.")
    order = np.argsort(-query_1V.data, kind="stable")  # heaviest first
    ids = dict(zip(query_1V.indices[order].tolist(), query_1V.data[order].tolist(), strict=True))
    tokens = {names[id_]: weight for id_, weight in ids.items()}
    clauses = [
        {"rank_feature": {"field": f"{FIELD}.{name}", "boost": weight, "linear": {}}} for name, weight in tokens.items()
    ]
    text = {"query_text": example, "model_id": _MODEL_IDS[QUERY]}
    ranked = {str(ranks.rank_V[id_]): weight for id_, weight in ids.items() if ranks.rank_V[id_] >= 0}
    return {
        "queries/hybrid_text.json": _search(hybrid_query(_neural(text)["query"], example)),
        "queries/rank_features_text.json": _neural(text),
        "queries/rank_features_tokens.json": _neural({"query_tokens": tokens}),
        "queries/rank_features_without_plugin.json": _search({"bool": {"should": clauses}}),
        "queries/sparse_vector_text.json": _neural(text | {"model_id": _MODEL_IDS[RANKS]} | method_parameters()),
        "queries/sparse_vector_tokens.json": _neural({"query_tokens": ranked} | method_parameters()),
    }


def _neural(query: dict[str, Any]) -> dict[str, Any]:
    return _search({"neural_sparse": {FIELD: query}})


def _search(query: dict[str, Any]) -> dict[str, Any]:
    return {"query": query, "_source": {"excludes": [FIELD, "encoded"]}}


def _json(value: Any) -> Callable[[], BinaryIO]:
    return _opener(json.dumps(value, ensure_ascii=False, allow_nan=False).encode())


def _opener(data: bytes) -> Callable[[], BinaryIO]:
    return lambda: io.BytesIO(data)
