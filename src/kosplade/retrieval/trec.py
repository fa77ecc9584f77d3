"""Runs in TREC format, which every evaluation tool reads: `query Q0 document rank score name`."""

from pathlib import Path
from urllib.parse import quote, unquote

import numpy as np

from kosplade.errors import UserError
from kosplade.files import replacing

Run = dict[str, dict[str, float]]  # {query id: {document id: score}}


def escaped(id_: str) -> str:
    """An id as a run holds it: blanks, which would shift the columns, as `%20`, a zero byte as `%00`, `%` as `%25`."""
    return "".join(quote(c, safe="") if c.isspace() or c in "%\0" else c for c in id_)


def unescaped(text: str) -> str:
    """The id that `escaped` wrote so."""
    return unquote(text)


def write_run(path: Path, run: Run, name: str) -> None:
    """Write a run whose documents stand best first; ids are `escaped`.

    Tools sort by score and break ties each in a way of its own. A score that does not fall is therefore written as the
    next smaller float32 below the one before it: all tools see the ranking that was found.
    """
    with replacing(path) as target, target.open("w", encoding="utf-8") as out:
        for query_id, documents in run.items():
            above = np.float32(np.inf)
            for rank, (document_id, score) in enumerate(documents.items(), start=1):
                above = min(np.float32(score), np.nextafter(above, np.float32(-np.inf)))
                out.write(f"{escaped(query_id)} Q0 {escaped(document_id)} {rank} {above:.9g} {escaped(name)}\n")


def read_run(path: Path) -> Run:
    """Read a run in the order of the file. Raises UserError for a missing file and, with its number, a broken line."""
    run: Run = {}
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise UserError(f"{path} not found. Run: dvc repro baselines") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read ({error}). Run: dvc repro -f baselines") from None
    for number, line in enumerate(lines, start=1):
        try:
            query_id, _, document_id, _, score, _ = line.split()
            run.setdefault(unescaped(query_id), {})[unescaped(document_id)] = float(score)
        except ValueError:
            raise UserError(
                f"{path}:{number}: `query Q0 document rank score name` is expected. Run: dvc repro -f baselines"
            ) from None
    return run
