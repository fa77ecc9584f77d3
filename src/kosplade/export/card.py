"""The model card: what the model is, what it was made of, how it was measured in this run, how to use it."""

from typing import Any

from huggingface_hub import EvalResult, ModelCardData

from kosplade.export.origins import Base, Training
from kosplade.retrieval import results

MODEL = ("inference_free", "encoded")  # the systems that are the model's own
TAGS = [
    *("sentence-transformers", "sparse-encoder", "sparse", "splade", "inference-free"),
    *("opensearch", "information-retrieval"),
]


def metadata(version: str, base: Base, training: Training, retrieval: dict[str, Any]) -> ModelCardData:
    """The block that the Hub reads; `licence` only where that of weights and data is known."""
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
        license=base.licence if training.is_known else None,
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
    figures = [{"": name.replace("_", " "), "value": value} for name, value in sparsity.items()]
    return f"""---
{metadata(version, base, training, retrieval).to_yaml()}
---

# Korean neural sparse encoder {version}

A text becomes one non-negative weight for each piece of the vocabulary, `log(1 + relu(max over positions of the MLM
logits))`; an inverted index serves the vectors by dot product. Queries are encoded by the model or, without any model
at query time, each of their pieces counts what `idf.json` says (inference-free, OpenSearch's doc-only mode).

## Results of this run

{retrieval[split]["queries"]} {split} queries, {retrieval["documents"]} {training.collection}.

{results.retrieval_table(retrieval)}

By kind of query, with 95 % bootstrap intervals:

{results.kind_table(kinds)}

{results.gain_lines(retrieval)}

Sparsity of raw document vectors, before stopword pieces are taken out:

{results.format_table(figures, ["", "value"])}

## Use

`folder` is this repository on disk, whole: `folder = huggingface_hub.snapshot_download("owner/name")`.

### sentence-transformers, from 6.2

```python
from sentence_transformers import SparseEncoder

documents = ["결제 취소는 마이페이지에서 신청할 수 있습니다.", "배송은 이틀 안에 끝납니다."]
for place in (folder, f"{{folder}}/inference-free"):  # queries are encoded; they are looked up
    model = SparseEncoder(place)
    document_vectors = model.encode_document(documents, batch_size=8)  # {max_document_length} pieces each at most
    query_vectors = model.encode_query(["결제를 취소하고 싶어요"])
    print(model.similarity(query_vectors, document_vectors))
    print(model.decode(query_vectors[0], top_k=10))
```

`SparseEncoder("owner/name")` loads the first of the two straight from the Hub. The second needs the whole folder: its
weights are those of the folder above it.

### transformers

```python
import torch
from transformers import AutoModelForMaskedLM, AutoTokenizer

model = AutoModelForMaskedLM.from_pretrained(folder)
tokenizer = AutoTokenizer.from_pretrained(folder)
inputs = tokenizer("결제를 취소하고 싶어요", truncation=True, max_length={max_document_length}, return_tensors="pt")
with torch.inference_mode():
    weights = torch.log1p(torch.relu(model(**inputs).logits.amax(dim=1)))[0]
```

### OpenSearch

The client of the training repository encodes documents and fills a `rank_features` field; the server needs no plugin.

```bash
python -m kosplade.tools.opensearch index --url http://localhost:9200 --index docs --model FOLDER \\
  --documents corpus.jsonl --max-document-length {max_document_length}
python -m kosplade.tools.opensearch search --url http://localhost:9200 --index docs --model FOLDER \\
  --query "카드 결제 취소" --max-query-length {max_query_length}
```

With the neural-search plugin the same index takes a `neural_sparse` query. Pieces are named by id, weights are those of
`idf.json`:

```python
import json
from pathlib import Path

from transformers import AutoTokenizer

idf = json.loads(Path(folder, "idf.json").read_text(encoding="utf-8"))
tokenizer = AutoTokenizer.from_pretrained(folder)
ids = tokenizer("카드 결제 취소", truncation=True, max_length={max_query_length})["input_ids"]
weights = {{f"p{{id}}": idf[tokenizer.convert_ids_to_tokens(id)] for id in sorted(set(ids))}}
tokens = {{name: weight for name, weight in weights.items() if weight > 0}}
body = {{"query": {{"neural_sparse": {{"features": {{"query_tokens": tokens}}}}}}}}
```

## Base weights

{base.text}.

## Training data

{training.text}

## Limits

- **Language.** Korean. Kinds of query that the table above does not list, other languages for one, were not measured.
- **Length.** A document is cut after {max_document_length} pieces, a query after {max_query_length}, special pieces
  included; what follows is not searched. Split longer documents.
- **Domain.** Trained and measured on {training.collection}; another domain can do worse: measure it.
- **Measured.** One training, {retrieval[split]["queries"]} queries of the split `{split}`. Passages that nobody
  judged count as wrong, so absolute figures are lower bounds: compare with the baselines in the same table.
- **Not measured.** Other collections, a real OpenSearch server, approximate search, half precision.
"""
