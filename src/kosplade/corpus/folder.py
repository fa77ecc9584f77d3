"""A collection as a BEIR folder."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from kosplade.files import write_jsonl
from kosplade.records.text import text_id


def write_beir(folder: Path, judged: Mapping[str, Iterable[tuple[str, str, str]]], corpus: Iterable[str]) -> int:
    """Write corpus.jsonl, queries.jsonl and qrels/<split>.tsv from a collection.

    `judged` holds (query, positive, kind) by split. Returns the number of passages.
    """
    passages = ({"_id": text_id(text), "title": "", "text": text} for text in corpus)
    count = write_jsonl(folder / "corpus.jsonl", passages)
    asked = {}
    for split, queries in judged.items():
        lines = {}
        for query, positive, kind in queries:
            identifier = text_id(query)
            asked[identifier] = {"_id": identifier, "text": query, "kind": kind}
            lines[f"{identifier}\t{text_id(positive)}\t1"] = None
        qrels = folder / f"qrels/{split}.tsv"
        qrels.parent.mkdir(parents=True, exist_ok=True)
        qrels.write_text("\n".join(["query-id\tcorpus-id\tscore", *lines]) + "\n", encoding="utf-8")
    write_jsonl(folder / "queries.jsonl", asked.values())
    return count
