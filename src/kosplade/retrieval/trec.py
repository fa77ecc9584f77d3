"""Runs in TREC format, which every evaluation tool reads: `query Q0 document rank score name`."""

from pathlib import Path

import numpy as np

from kosplade.errors import UserError
from kosplade.files import replacing
from kosplade.retrieval.metrics import Run


def write_run(path: Path, run: Run, name: str) -> None:
    """Write a run whose documents stand best first.

    Tools sort by score and break ties each in a way of its own. A score that does not fall is therefore written as the
    next smaller float32 below the one before it: all tools see the ranking that was found. An id with a blank inside
    would shift the columns and is a UserError.
    """
    with replacing(path) as target, target.open("w", encoding="utf-8") as out:
        for query_id, documents in run.items():
            above = np.float32(np.inf)
            for rank, (document_id, score) in enumerate(documents.items(), start=1):
                for one in (query_id, document_id):
                    if len(one.split()) != 1:
                        raise UserError(
                            f"{path}: id '{one}' has a blank in it, which a TREC run cannot hold. Rename it."
                        )
                above = min(np.float32(score), np.nextafter(above, np.float32(-np.inf)))
                out.write(f"{query_id} Q0 {document_id} {rank} {above:.9g} {name}\n")


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
        fields = line.split()
        try:
            query_id, _, document_id, _, score, _ = fields
            run.setdefault(query_id, {})[document_id] = float(score)
        except ValueError:
            raise UserError(
                f"{path}:{number}: `query Q0 document rank score name` is expected. Run: dvc repro -f baselines"
            ) from None
    return run
