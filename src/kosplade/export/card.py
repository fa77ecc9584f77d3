"""The model card: what the model is, how it was measured in this run, how to use it."""

from typing import Any

from kosplade.retrieval.table import format_table

COLUMNS = ["", "nDCG@10", "MRR@10", "Recall@1", "Recall@10", "Recall@100"]
KEYS = ("ndcg10", "mrr10", "recall1", "recall10", "recall100")
SYSTEMS = {
    "inference_free": "inference-free queries",
    "siamese": "encoded queries",
    "bm25": "BM25, same pieces",
    "bm25_kiwi": "BM25, Kiwi morphemes",
    "dense": "dense teacher",
}


def reported_split(metrics: dict[str, Any]) -> str:
    """The split that results are quoted on: test where there is one (a user's own data has validation only)."""
    return "test" if "test" in metrics else "val"


def retrieval_table(metrics: dict[str, Any]) -> str:
    """The retrieval table of metrics/eval.json, in Markdown."""
    figures = metrics[reported_split(metrics)]
    rows = [
        {"": title} | {column: figures[name][key] for column, key in zip(COLUMNS[1:], KEYS, strict=True)}
        for name, title in SYSTEMS.items()
    ]
    return format_table(rows, COLUMNS)


def gain_lines(metrics: dict[str, Any]) -> str:
    """Each way of querying against each baseline, from metrics/eval.json: a Markdown list under its title."""
    pairs = metrics[reported_split(metrics)]["ndcg10_gain"]
    lines = [
        f"- {SYSTEMS[system]} against {SYSTEMS[baseline]}: {gain['difference']:+.3f}, p = {gain['p_holm']:.4f}"
        for system, baselines in pairs.items()
        for baseline, gain in baselines.items()
    ]
    title = f"nDCG@10 compared by a paired randomisation test, p after Holm's correction for {len(lines)} tests:"
    return "\n".join([title, "", *lines])


def kind_table(kinds: dict[str, Any]) -> str:
    """nDCG@10 by kind of query with 95 % intervals, from metrics/eval_by_kind.json, in Markdown."""
    rows = []
    for kind, figures in kinds[reported_split(kinds)].items():
        row: dict[str, object] = {"nDCG@10": kind, "queries": figures["queries"]}
        for name, title in SYSTEMS.items():
            one = figures[name]
            row[title] = f"{one['ndcg10']:.3f} ({one['low']:.3f} - {one['high']:.3f})"
        rows.append(row)
    return format_table(rows, ["nDCG@10", "queries", *SYSTEMS.values()])


def model_card(
    *, version: str, base: str, licence: str, retrieval: dict[str, Any], sparsity: dict[str, float], max_length: int
) -> str:
    """Markdown with the metadata block that the Hugging Face hub reads."""
    split = reported_split(retrieval)
    figures = [{"": name.replace("_", " "), "value": value} for name, value in sparsity.items()]
    return f"""---
language: ko
license: {licence}
library_name: sentence-transformers
pipeline_tag: feature-extraction
tags: [sentence-transformers, sparse-encoder, sparse, splade, inference-free, opensearch, information-retrieval]
---

# Korean neural sparse encoder {version}

Base model: {base}. A text becomes one non-negative weight for each piece of the vocabulary,
`log(1 + relu(max over positions of the MLM logits))`; an inverted index serves the vectors by dot product.

## Results of this run

{retrieval[split]["queries"]} {split} queries, {retrieval["documents"]} documents.

{retrieval_table(retrieval)}

{gain_lines(retrieval)}

Sparsity of raw document vectors, before stopword pieces are taken out:

{format_table(figures, ["", "value"])}

## Use

`folder` is this repository on disk, whole (`huggingface_hub.snapshot_download`). With sentence-transformers from 6.2:

```python
from sentence_transformers import SparseEncoder

documents = ["결제 취소는 마이페이지에서 신청할 수 있습니다.", "배송은 이틀 안에 끝납니다."]
for place in (folder, f"{{folder}}/inference-free"):  # queries are encoded; each of their pieces has its IDF
    model = SparseEncoder(place)
    document_vectors = model.encode_document(documents, batch_size=8)  # {max_length} pieces each at most
    query_vectors = model.encode_query(["결제를 취소하고 싶어요"])
    print(model.similarity(query_vectors, document_vectors))
    print(model.decode(query_vectors[0], top_k=10))
```

With transformers alone:

```python
import torch
from transformers import AutoModelForMaskedLM, AutoTokenizer

model = AutoModelForMaskedLM.from_pretrained(folder)
tokenizer = AutoTokenizer.from_pretrained(folder)
inputs = tokenizer("결제를 취소하고 싶어요", truncation=True, max_length={max_length}, return_tensors="pt")
with torch.inference_mode():
    weights = torch.log1p(torch.relu(model(**inputs).logits.amax(dim=1)))[0]
```

`idf.json` holds the weight of every piece in a query that is not encoded (inference-free, OpenSearch's doc-only mode).
"""
