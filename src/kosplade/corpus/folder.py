"""The folder of prepared data: a BEIR folder with training files, and whose file is whose."""

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path, PurePosixPath

from kosplade.errors import UserError
from kosplade.files import read_json, replacing, scratch_beside, write_json, write_jsonl
from kosplade.records.text import text_id

LEDGER = "prepared.json"


def own_files(folder: Path) -> set[str]:
    """Names of the files that an earlier run wrote and nobody changed since."""
    ledger = folder / LEDGER
    if not ledger.exists():
        return set()
    remedy = "Delete it and run the same command again."
    written = read_json(ledger, remedy)
    if not isinstance(written, dict):
        raise UserError(f"{ledger}: names and hashes of files are expected. {remedy}")
    for name in written:
        # What it names is deleted, so it must not lead out of the folder.
        if "\0" in name or PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise UserError(f"{ledger}: {name!r} is no file of this folder. {remedy}")
    return {name for name, digest in written.items() if (folder / name).is_file() and _sha256(folder / name) == digest}


def protect_user_files(folder: Path, patterns: tuple[str, ...], remedy: str) -> None:
    """Stop, before anything is touched, if a file that would be replaced or read along is not ours."""
    own = own_files(folder)
    for pattern in patterns:
        for path in sorted(folder.glob(pattern)):
            if path.relative_to(folder).as_posix() not in own:
                raise UserError(f"{path} was not written by prepare. {remedy}")


def publish(folder: Path, write: Callable[[Path], None]) -> None:
    """Replace the files of earlier runs by those that `write` puts into an empty folder.

    The ledger is written before the files move in: after an interruption every file is still known as ours.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with scratch_beside(folder / "prepare") as scratch:
        write(scratch)
        files = sorted(path.relative_to(scratch).as_posix() for path in scratch.rglob("*") if path.is_file())
        for stale in sorted(own_files(folder)):
            (folder / stale).unlink()
        write_json(folder / LEDGER, {file: _sha256(scratch / file) for file in files})
        for file in files:
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            os.replace(scratch / file, folder / file)


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
        with replacing(folder / f"qrels/{split}.tsv") as target:
            target.write_text("\n".join(["query-id\tcorpus-id\tscore", *lines]) + "\n", encoding="utf-8")
    write_jsonl(folder / "queries.jsonl", asked.values())
    return count


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
