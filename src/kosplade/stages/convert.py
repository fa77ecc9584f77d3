"""Stage `convert`: huggingface/<version>/best, for transformers, sentence-transformers and OpenSearch."""

import torch

from kosplade.console import run_stage
from kosplade.export.card import model_card
from kosplade.export.huggingface import check_folder, write_folder
from kosplade.export.opensearch import write_opensearch
from kosplade.export.origins import base_of, training_of
from kosplade.export.sentence_transformers import DOCUMENT, INFERENCE_FREE, write_sentence_transformers
from kosplade.files import read_json, read_yaml, replacing
from kosplade.model.occurrences import served_counting
from kosplade.model.weights import load_trained
from kosplade.params import Params
from kosplade.paths import BACKBONE, METRICS, PREPARED, SOURCES, export_folder, train_folder
from kosplade.retrieval.beir import read_collection
from kosplade.vocab.tables import open_tables, served_weights
from kosplade.vocab.tokenizer import load_tokenizer

CHECKED_TEXTS = 8
EXAMPLE = "카드 결제 취소"  # the query that the files for OpenSearch show


def body(params: Params) -> str:
    tokenizer = load_tokenizer(BACKBONE)
    tables = open_tables(tokenizer)
    encoder = load_trained(BACKBONE, train_folder(params.version) / "model.safetensors")
    query_weight_V, unserved_V = served_weights(params.loss, tables.idf_V, tables.stopword_V, tables.special_V)
    sources, remedy = read_yaml(SOURCES), "Run: make eval-v25"
    base = base_of(params.model.name, params.model.revision, params.model.num_layers, sources)
    training = training_of(params.data.source, sources)
    retrieval = read_json(METRICS / "eval.json", remedy)
    card = model_card(
        version=params.version,
        base=base,
        training=training,
        retrieval=retrieval,
        kinds=read_json(METRICS / "eval_by_kind.json", remedy),
        sparsity=read_json(METRICS / "sparsity.json", remedy),
        max_query_length=params.model.max_query_length,
        max_document_length=params.model.max_document_length,
    )
    texts = read_collection(PREPARED, "val").documents[:CHECKED_TEXTS]
    length = params.model.max_document_length
    raw_NV = encoder.encode(texts, tokenizer, max_length=length, label="convert: encode")
    expected_NV = torch.from_numpy(raw_NV.toarray()).masked_fill(unserved_V, 0.0)
    folder = export_folder(params.version)
    with replacing(folder) as target:
        write_folder(
            encoder,
            tokenizer,
            unserved_V,
            query_weight_V,
            tables.expandable_V,
            served_counting(params, tables),
            retrieval["hybrid_weight"],
            target,
        )
        write_sentence_transformers(
            target,
            query_weight_V,
            tokenizer,
            max_query_length=params.model.max_query_length,
            max_document_length=length,
        )
        (target / "README.md").write_text(card, encoding="utf-8")
        if params.export.opensearch:
            write_opensearch(
                target,
                version=params.version,
                licence=f"{base.text}.\n\n{training.text}\n",
                example=EXAMPLE,
                max_query_length=params.model.max_query_length,
                max_document_length=length,
            )
        difference = check_folder(target, texts, expected_NV, length)
        # The same weights by the names that lead to them from the inference-free folder: one text shows it.
        check_folder(target / INFERENCE_FREE / DOCUMENT, texts[:1], expected_NV[:1], length)
    return f"{folder}: {len(texts)} texts give the trained model's vectors within {difference:.1e}"


def main() -> None:
    run_stage("convert", body)


if __name__ == "__main__":
    main()
