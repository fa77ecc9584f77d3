"""Collections with judgements (BEIR on the Hugging Face hub, MIRACL) as the BEIR folder that the project evaluates."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from tqdm import tqdm

from kosplade.errors import UserError, shown
from kosplade.files import replacing, write_jsonl
from kosplade.records.text import has_half_character, is_blank
from kosplade.tools.imports.rows import BROKEN, identifier, rows, text

LARGEST_SCORE = 2**31
Files = dict[str, tuple[str, ...]]
Document = tuple[str, str, str, str]  # place in its file, id, title, text


def convert_beir(folder: Path, files: Files, beir: Path) -> str:
    """Convert corpus (`_id, title, text`), queries (`_id, text`), qrels (`query-id, corpus-id, score`).

    Each is JSONL, gzipped JSONL or Parquet. Writes the BEIR folder `beir`; returns a line that counts what is in it.
    """
    queries: dict[str, str] = {}
    for place, row in _rows(folder, files["queries"]):
        _put(queries, identifier(row, "_id", place), text(row, "text", place), place)
    judgements = (
        (place, identifier(row, "query-id", place), identifier(row, "corpus-id", place), row.get("score"))
        for place, row in _rows(folder, files["qrels"])
    )
    return _write(beir, _documents(folder, files["corpus"], "_id"), queries, judgements)


def convert_miracl(folder: Path, files: Files, beir: Path) -> str:
    """Convert topics (`id<tab>query`), qrels in TREC's form, corpus (`docid, title, text` as gzipped JSONL).

    Writes the BEIR folder `beir`; returns a line that counts what is in it.
    """
    queries: dict[str, str] = {}
    for place, line in _lines(folder, files["topics"]):
        number, _, query = line.partition("\t")
        row = {"query": query, "id": number}
        _put(queries, identifier(row, "id", place), text(row, "query", place), place)
    judgements = []
    for place, line in _lines(folder, files["qrels"]):
        fields = line.split()
        if len(fields) != 4:
            raise UserError(f"{place}: query, Q0, document and relevance are expected. {BROKEN}")
        row = {"query": fields[0], "document": fields[2]}
        judgements.append((place, identifier(row, "query", place), identifier(row, "document", place), fields[3]))
    return _write(beir, _documents(folder, files["corpus"], "docid"), queries, judgements)


def _write(
    beir: Path,
    documents: Iterable[Document],
    queries: dict[str, str],
    judgements: Iterable[tuple[str, str, str, object]],
) -> str:
    qrels: dict[str, dict[str, int]] = {}
    for place, query, document, score in judgements:
        if query not in queries:
            raise UserError(f"{place}: query '{query}' is not among the queries. {BROKEN}")
        _put(qrels.setdefault(query, {}), document, _whole_number(score, place), place)
    missing = {document for scores in qrels.values() for document in scores}
    blank = 0

    def lines() -> Iterator[dict]:
        nonlocal blank
        written: set[str] = set()
        for place, name, title, body in documents:
            if is_blank(title + body):
                blank += 1
                continue
            if name in written:
                raise UserError(f"{place}: document '{name}' again. {BROKEN}")
            written.add(name)
            missing.discard(name)
            yield {"_id": name, "title": title, "text": body}

    count = write_jsonl(beir / "corpus.jsonl", tqdm(lines(), desc="writing the corpus", unit="document", leave=False))
    if missing:
        raise UserError(f"{beir.name}: {len(missing):,} judged documents are not in the corpus, {min(missing)} is one.")
    write_jsonl(beir / "queries.jsonl", ({"_id": query, "text": queries[query]} for query in qrels))
    judged = [f"{query}\t{document}\t{score}" for query in qrels for document, score in qrels[query].items()]
    with replacing(beir / "qrels/test.tsv") as target:
        target.write_text("\n".join(["query-id\tcorpus-id\tscore", *judged]) + "\n", encoding="utf-8")
    return (
        f"{len(qrels):,} queries ({len(queries) - len(qrels):,} more without a judgement left out), "
        f"{len(judged):,} judgements, {count:,} documents ({blank:,} blank ones left out)"
    )


def _put(found: dict, key: str, value: str | int, place: str) -> None:
    """Add a value; the same once more is nothing new, another one a UserError."""
    if found.setdefault(key, value) != value:
        raise UserError(f"{place}: '{key}' again, and not as before. {BROKEN}")


def _documents(folder: Path, names: tuple[str, ...], field: str) -> Iterator[Document]:
    for place, row in _rows(folder, names):
        title, body = ("" if row.get(part) is None else row[part] for part in ("title", "text"))
        if not isinstance(title, str) or not isinstance(body, str) or has_half_character(title + body):
            raise UserError(f"{place}: title or text is no whole text. {BROKEN}")
        yield place, identifier(row, field, place), title, body


def _rows(folder: Path, names: tuple[str, ...]) -> Iterator[tuple[str, dict]]:
    for name in names:
        yield from rows(_there(folder / name))


def _lines(folder: Path, names: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for name in names:
        path = _there(folder / name)
        try:
            lines = path.read_text(encoding="utf-8-sig").split("\n")
        except UnicodeDecodeError as error:
            raise UserError(f"{path}: not UTF-8 ({error}). {BROKEN}") from None
        yield from ((f"{path}:{number}", line) for number, line in enumerate(lines, start=1) if line.strip())


def _there(path: Path) -> Path:
    if not path.is_file():
        raise UserError(f"{path} is not among what was imported. Check 'files' in data/registry.yaml.")
    return path


def _whole_number(score: object, place: str) -> int:
    try:
        value = float(score)  # hub data sets hold 1, 1.0 and "1"
        if value.is_integer() and abs(value) < LARGEST_SCORE:
            return int(value)
    except (TypeError, ValueError, OverflowError):
        pass
    raise UserError(f"{place}: score {shown(score)} is not a whole number. {BROKEN}")
