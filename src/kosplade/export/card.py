"""The model card: what the model is, how it was measured in this run, how to use it."""

from typing import Any

from kosplade.retrieval.table import format_table

COLUMNS = ["", "nDCG@10", "MRR@10", "Recall@1", "Recall@10", "Recall@100"]
ROWS = {"inference_free": "inference-free queries", "siamese": "encoded queries", "bm25": "BM25, same pieces"}


def retrieval_rows(metrics: dict[str, Any]) -> list[dict[str, object]]:
    """Rows of the retrieval table from metrics/eval.json."""
    keys = ("ndcg10", "mrr10", "recall1", "recall10", "recall100")
    return [
        {"": title} | {column: metrics[name][key] for column, key in zip(COLUMNS[1:], keys, strict=True)}
        for name, title in ROWS.items()
    ]


def model_card(
    *, version: str, base: str, licence: str, retrieval: dict[str, Any], sparsity: dict[str, float], max_length: int
) -> str:
    """Markdown with the metadata block that the Hugging Face hub reads."""
    figures = [{"": name.replace("_", " "), "value": value} for name, value in sparsity.items()]
    return f"""---
language: ko
license: {licence}
library_name: transformers
pipeline_tag: fill-mask
tags: [sparse-encoder, splade, opensearch, information-retrieval]
---

# Korean neural sparse encoder {version}

Base model: {base}. A text becomes one non-negative weight for each piece of the vocabulary,
`log(1 + relu(max over positions of the MLM logits))`; an inverted index serves the vectors by dot product.

## Results of this run

Validation set: {retrieval["queries"]} queries, {retrieval["documents"]} documents.

{format_table(retrieval_rows(retrieval), COLUMNS)}

Sparsity of raw document vectors, before stopword pieces are taken out:

{format_table(figures, ["", "value"])}

## Use

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
