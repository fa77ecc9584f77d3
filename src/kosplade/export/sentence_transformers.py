"""What sentence-transformers needs beside a plain Hugging Face folder, in the layout that its version 6.2 writes.

The files are written here, not by the library, which would save the weights once more: an export needs it as little as
the training does. The tests load the result with the real one.

    modules.json, 1_SpladePooling/          SparseEncoder(folder): queries and documents are encoded
    inference-free/                         SparseEncoder(folder + "/inference-free"): a Router
        query_0_SparseStaticEmbedding/      the IDF of each distinct piece of a query
        document_0_Transformer/             the model; its index of weights names the files of the top folder
        document_1_SpladePooling/
"""

import shutil
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor
from transformers import PreTrainedTokenizerBase
from transformers.utils import SAFE_WEIGHTS_INDEX_NAME, SAFE_WEIGHTS_NAME

from kosplade.errors import UserError
from kosplade.files import read_json, write_json

INFERENCE_FREE = "inference-free"
QUERY = "query_0_SparseStaticEmbedding"
DOCUMENT = "document_0_Transformer"
DOCUMENT_POOLING = "document_1_SpladePooling"
POOLING = "1_SpladePooling"
TYPES = {
    QUERY: "sentence_transformers.sparse_encoder.modules.sparse_static_embedding.SparseStaticEmbedding",
    DOCUMENT: "sentence_transformers.base.modules.transformer.Transformer",
    DOCUMENT_POOLING: "sentence_transformers.sparse_encoder.modules.splade_pooling.SpladePooling",
}
ROUTER = "sentence_transformers.base.modules.router.Router"
MODEL = {
    "model_type": "SparseEncoder",
    "__version__": {"sentence_transformers": "6.2.0"},  # of the layout; an older library warns
    "prompts": {"query": "", "document": ""},
    "default_prompt_name": None,
    "similarity_fn_name": "dot",
}
REMEDY = "Run: make convert-v25-hf"


def write_sentence_transformers(
    folder: Path,
    query_weight_V: Tensor,
    tokenizer: PreTrainedTokenizerBase,
    *,
    max_query_length: int,
    max_document_length: int,
) -> None:
    """Make `folder`, as `write_folder` leaves it, load in sentence-transformers too.

    `query_weight_V` (float, [V]) weighs the pieces of a query that is not encoded, 0 where hidden. Lengths count
    special pieces. Raises UserError for a folder without weights or tokenizer and for queries that special pieces fill.
    """
    room = max_query_length - tokenizer.num_special_tokens_to_add()
    if room < 1:
        raise UserError(f"model.max_query_length: {max_query_length} leaves no room for a piece. Raise it.")
    pooling = {"pooling_strategy": "max", "activation_function": "relu", "embedding_dimension": len(query_weight_V)}

    write_json(folder / "modules.json", _modules({"": TYPES[DOCUMENT], POOLING: TYPES[DOCUMENT_POOLING]}))
    write_json(folder / "config_sentence_transformers.json", MODEL)
    # A query is told from a document by the task of encode_query; plain `encode` cuts as for documents.
    lengths = {"max_seq_length": max_document_length}
    write_json(folder / "sentence_bert_config.json", _transformer(lengths | {"query_length": max_query_length}))
    write_json(folder / POOLING / "config.json", pooling)

    router = folder / INFERENCE_FREE
    write_json(router / "modules.json", _modules({"": ROUTER}))
    write_json(router / "config_sentence_transformers.json", MODEL)
    structure = {"query": [QUERY], "document": [DOCUMENT, DOCUMENT_POOLING]}
    parameters = {"default_route": "document", "allow_empty_key": True, "route_mappings": {}}
    write_json(router / "router_config.json", {"types": TYPES, "structure": structure, "parameters": parameters})

    write_json(router / QUERY / "config.json", {"frozen": True})
    save_file({"weight": query_weight_V.float().contiguous()}, router / QUERY / SAFE_WEIGHTS_NAME)
    # This module reads a query without special pieces.
    _copy_tokenizer(folder, router / QUERY, room)

    shutil.copyfile(folder / "config.json", _made(router / DOCUMENT) / "config.json")
    write_json(router / DOCUMENT / "sentence_bert_config.json", _transformer(lengths))
    write_json(router / DOCUMENT / SAFE_WEIGHTS_INDEX_NAME, _weights_above(folder, levels=2))
    _copy_tokenizer(folder, router / DOCUMENT, max_document_length)
    write_json(router / DOCUMENT_POOLING / "config.json", pooling)


def _modules(types: dict[str, str]) -> list[dict]:
    """modules.json of modules in order, {path: type}."""
    return [{"idx": i, "name": str(i), "path": path, "type": name} for i, (path, name) in enumerate(types.items())]


def _transformer(lengths: dict[str, int]) -> dict:
    """sentence_bert_config.json of a masked-language model that reads text and gives logits."""
    return {
        "transformer_task": "fill-mask",
        "modality_config": {"text": {"method": "forward", "method_output_name": "logits"}},
        "module_output_name": "token_embeddings",
        **lengths,
    }


def _weights_above(folder: Path, levels: int) -> dict:
    """The index of the weights of `folder` for a model `levels` folders below: 415 MB that need not be there twice.

    transformers joins a weight file's name to the model's folder, so the names may lead out of it. The folder must be
    on disk for this, whole: that is also the only place that sentence-transformers loads a Router's folder from, as it
    names a repository of the hub, never a folder in one.
    """
    index = folder / SAFE_WEIGHTS_INDEX_NAME
    if index.is_file():
        found = read_json(index, REMEDY)
        metadata, places = found["metadata"], found["weight_map"]
    else:
        weights = folder / SAFE_WEIGHTS_NAME
        if not weights.is_file():
            raise UserError(f"{folder}: no weights to name. {REMEDY}")
        metadata = {"total_size": weights.stat().st_size}
        with safe_open(weights, "pt") as tensors:
            places = dict.fromkeys(tensors.keys(), weights.name)
    return {"metadata": metadata, "weight_map": {name: "../" * levels + place for name, place in places.items()}}


def _copy_tokenizer(source: Path, folder: Path, max_length: int) -> None:
    """The tokenizer of `source` in `folder`, cutting at `max_length`. DVC keeps the equal tokenizer.json once."""
    config = read_json(source / "tokenizer_config.json", REMEDY)
    write_json(_made(folder) / "tokenizer_config.json", config | {"model_max_length": max_length})
    shutil.copyfile(source / "tokenizer.json", folder / "tokenizer.json")


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
