"""Long documents, split beside cut: `PYTHONPATH=src python benchmarks/chunks.py --beir DIR`, a BEIR folder of sections.

Neighbouring lines of corpus.jsonl with one title are joined into one document; a judgement of a section is one of its
document. Searched are documents of over 512 pieces, `--documents` of them spread evenly over the file, by the queries
whose relevant sections all lie in these, inference-free. "Behind 512" are queries whose first relevant section begins
behind the 512th piece. p is Holm's over the other rows. Vectors are kept in `--cache`: a run that was interrupted goes
on.
"""

import argparse
import hashlib
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix, load_npz, save_npz, vstack

from kosplade.errors import UserError
from kosplade.files import write_json
from kosplade.params import load_params
from kosplade.records.bm25 import bm25_vectors
from kosplade.records.document import Document
from kosplade.records.kiwi import Morphemes
from kosplade.retrieval.beir import read_documents, read_qrels, read_queries
from kosplade.retrieval.evaluation import SAMPLE_SEED
from kosplade.retrieval.metrics import Qrels, Run, per_query, retrieval_metrics
from kosplade.retrieval.results import format_table, gain
from kosplade.retrieval.search import search, to_run
from kosplade.retrieval.served import ServedModel, load_export
from kosplade.retrieval.significance import gains
from kosplade.tools.opensearch.chunks import search_chunks, split
from kosplade.tools.opensearch.mapping import fingerprint

LONG = 512  # pieces, special ones included: what the model reads at once
CUT, CHUNKED = (512, 128), (128, 256, 512)
REFERENCE, KIWI = "cut at 512", "BM25 Kiwi, whole"
DEPTH = 100
BLOCK = 64  # texts encoded between two files of the cache: what an interruption costs


@dataclass(frozen=True)
class Joined:
    """A document of several sections, by id the characters of `document.whole` that stand before each."""

    document: Document
    before: dict[str, int]


def joined(sections: Iterable[Document]) -> list[Joined]:
    """Neighbouring sections of one title as one document, a line break between them, under the first one's id."""
    found = []
    for _, group in groupby(sections, key=lambda section: section.title):
        of = list(group)
        document = replace(of[0], text="\n".join(section.text for section in of))
        at, before = len(document.whole) - len(document.text), {}
        for section in of:
            before[section.id] = at
            at += len(section.text) + 1
        found.append(Joined(document, before))
    return found


def judged(qrels: Iterable[tuple[str, str, str, int]], documents: list[Joined]) -> tuple[Qrels, dict[str, Joined]]:
    """{query: {document: 1}} of queries that only these documents answer, and the document by section."""
    of = {section: one for one in documents for section in one.before}
    relevant: dict[str, list[str]] = {}
    for _, query, section, score in qrels:
        if score > 0:
            relevant.setdefault(query, []).append(section)
    kept = {query: sections for query, sections in relevant.items() if all(one in of for one in sections)}
    return {query: {of[one].document.id: 1 for one in sections} for query, sections in kept.items()}, of


def behind(qrels: Iterable[tuple[str, str, str, int]], of: dict[str, Joined], model: ServedModel) -> set[str]:
    """The queries whose relevant sections all begin where a model that reads LONG pieces has stopped."""
    first: dict[str, int] = {}
    for _, query, section, score in qrels:
        if score > 0 and section in of:
            one = of[section]
            pieces = len(model.tokenizer(one.document.whole[: one.before[section]], verbose=False)["input_ids"])
            first[query] = min(pieces, first.get(query, pieces))
    return {query for query, pieces in first.items() if pieces > LONG}


def encoded(model: ServedModel, texts: list[str], cache: Path, label: str) -> csr_matrix:
    """The documents' vectors, CSR [N, V], block by block from the cache if they are there. `label` names the model."""
    cache.mkdir(parents=True, exist_ok=True)
    blocks = []
    for start in range(0, len(texts), BLOCK):
        block = texts[start : start + BLOCK]
        name = repr((label, model.max_document_length, block)).encode()
        path = cache / f"{hashlib.sha256(name).hexdigest()[:24]}.npz"
        if not path.exists():
            partial = path.with_suffix(".partial.npz")
            save_npz(partial, model.documents(block, f"{start} of {len(texts)}"))
            partial.replace(path)
        blocks.append(load_npz(path))
    return vstack(blocks, format="csr")


def main(options: argparse.Namespace) -> None:
    """Encode or load, search, print the table, write the JSON."""
    params = load_params()
    model = load_export(options.model, max_query_length=64, max_document_length=LONG)
    model.encoder.to_fastest()
    qrels_lines = list(read_qrels(options.beir / "qrels/test.tsv"))
    every = joined(read_documents(options.beir / "corpus.jsonl"))
    lengths = [len(ids) for ids in model.tokenizer([j.document.whole for j in every], verbose=False)["input_ids"]]
    longer = [(one, length) for one, length in zip(every, lengths, strict=True) if length > LONG]
    places = np.linspace(0, len(longer) - 1, min(options.documents, len(longer))).astype(int)
    kept = [longer[place][0] for place in places]
    qrels, of = judged(qrels_lines, kept)
    far = behind(qrels_lines, of, model)
    documents = [one.document for one in kept]
    texts = {query.id: query.text for query in read_queries(options.beir / "queries.jsonl") if query.id in qrels}
    if not texts:
        raise UserError(f"{options.beir}: no query of these documents. Raise --documents.")
    pieces = [longer[place][1] for place in places]
    about = {
        "documents": len(documents),
        "pieces": sum(pieces),
        "longest": max(pieces),
        "median": int(np.median(pieces)),
        "queries": len(texts),
        "behind 512": len(far & texts.keys()),
    }
    print(f"{options.beir.name}: " + ", ".join(f"{key} {value:,}" for key, value in about.items()), flush=True)

    document_texts = {f"cut at {length}": [[d.whole] for d in documents] for length in CUT}
    document_texts |= {f"chunks of {length}": split(documents, model.tokenizer, length) for length in CHUNKED}
    model_id, ids = fingerprint(options.model), [document.id for document in documents]
    queries_QV = model.inference_free(list(texts.values()))
    runs: dict[str, Run] = {}
    sizes: dict[str, dict[str, int]] = {}
    for name, of_document in document_texts.items():
        cut = replace(model, max_document_length=int(name.split()[-1]))
        flat = [text for one in of_document for text in one]
        vectors_CV = encoded(cut, flat, options.cache, model_id)
        sizes[name] = {"texts": len(flat), "weights": vectors_CV.nnz}
        found = search_chunks(queries_QV, vectors_CV, [len(one) for one in of_document], DEPTH)
        runs[name] = to_run(list(texts), ids, *found)
    morphemes = Morphemes()
    vectors = bm25_vectors(
        morphemes(list(texts.values())),
        morphemes([document.whole for document in documents]),
        k1=params.eval.bm25_k1,
        b=params.eval.bm25_b,
    )
    runs[KIWI] = to_run(list(texts), ids, *search(*vectors, DEPTH))
    rows = table(runs, qrels, far, sizes)
    print(format_table(rows, list(rows[0])))
    if options.json:
        write_json(options.json, about | {"rows": rows})


def table(
    runs: dict[str, Run], qrels: Qrels, far: set[str], sizes: dict[str, dict[str, int]]
) -> list[dict[str, object]]:
    """A row for each system: quality of all queries and of those behind, and the gain on cut documents."""
    values = {"ndcg10": {name: per_query(qrels, run, "ndcg10") for name, run in runs.items()}}
    others = [name for name in runs if name != REFERENCE]
    tested = gains(values, others, [REFERENCE], SAMPLE_SEED)["ndcg10"]
    behind_qrels = {query: judgements for query, judgements in qrels.items() if query in far}
    rows = []
    for name, run in runs.items():
        metrics = retrieval_metrics(qrels, run)
        row = {"documents": name} | sizes.get(name, {"texts": None, "weights": None})
        row |= {"nDCG@10": metrics["ndcg10"], "Recall@100": metrics["recall100"]}
        row["nDCG@10 behind 512"] = retrieval_metrics(behind_qrels, run)["ndcg10"] if behind_qrels else None
        row[f"above {REFERENCE}"] = gain(tested[name][REFERENCE]) if name in tested else None
        rows.append(row)
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--beir", type=Path, required=True, metavar="DIR", help="a BEIR folder whose titles repeat")
    parser.add_argument("--model", type=Path, default=Path("huggingface/v25/best"), help="an exported folder")
    parser.add_argument("--documents", type=int, default=300, help="documents of over 512 pieces (default: 300)")
    parser.add_argument("--cache", type=Path, default=Path("outputs/chunks"), help="a folder for vectors")
    parser.add_argument("--json", type=Path)
    try:
        main(parser.parse_args())
    except UserError as error:
        sys.exit(f"Error: {error}")
