"""The model card, card.md: what the model is, what it was made of, how it was measured in this run, how to use it."""

from typing import Any

from huggingface_hub import EvalResult, ModelCardData

from kosplade.export.origins import Base, Training
from kosplade.export.templates import fill
from kosplade.retrieval import results

MODEL = ("inference_free", "encoded")  # the systems that are the model's own
TAGS = [
    *("sentence-transformers", "sparse-encoder", "sparse", "splade", "inference-free"),
    *("opensearch", "information-retrieval"),
]


def metadata(version: str, base: Base, training: Training, retrieval: dict[str, Any]) -> ModelCardData:
    """The block that the Hub reads; `licence` only where those of the data are permissive."""
    split = results.reported_split(retrieval)
    measured = [
        EvalResult(
            task_type="sparse-information-retrieval",
            task_name="Sparse Information Retrieval",
            dataset_type=training.key,
            dataset_name=f"{retrieval[split]['queries']} queries, {retrieval['documents']} {training.collection}",
            dataset_split=split,
            metric_type=column.lower().replace("@", "_at_"),
            metric_name=f"{column}, {results.SYSTEMS[system]}",
            metric_value=retrieval[split][system][key],
        )
        for system in MODEL
        for key, column in results.QUALITY.items()
    ]
    return ModelCardData(
        language="ko",
        license=base.licence if training.is_permissive else None,
        library_name="sentence-transformers",
        pipeline_tag="feature-extraction",
        tags=TAGS,
        base_model=base.hub_id,
        model_name=f"Korean neural sparse encoder {version}",
        eval_results=measured,
    )


def model_card(
    *,
    version: str,
    base: Base,
    training: Training,
    retrieval: dict[str, Any],
    kinds: dict[str, Any],
    sparsity: dict[str, float],
    max_query_length: int,
    max_document_length: int,
) -> str:
    """Markdown with the metadata block that the Hugging Face hub reads.

    `retrieval`, `kinds` and `sparsity` are metrics/eval.json, eval_by_kind.json and sparsity.json; lengths count
    special pieces. Equal arguments give equal bytes.
    """
    split = results.reported_split(retrieval)
    figures = [(name.replace("_", " "), value) for name, value in sparsity.items()]
    return fill(
        "card.md",
        metadata=metadata(version, base, training, retrieval).to_yaml(),
        version=version,
        split=split,
        queries=retrieval[split]["queries"],
        documents=retrieval["documents"],
        collection=training.collection,
        retrieval_table=results.retrieval_table(retrieval),
        kind_table=results.kind_table(kinds),
        gain_lines=results.gain_lines(retrieval),
        sparsity_table=results.format_table(figures, ["", "value"]),
        base=base.text,
        training=training.text,
        max_query_length=max_query_length,
        max_document_length=max_document_length,
    )
