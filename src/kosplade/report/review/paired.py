"""The paired test of a pull request: nDCG@10 query by query, in the workspace and in a commit."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from kosplade.retrieval.significance import holm, randomisation_test

SEED = 0  # as in the stage eval
ROUNDING = 1e-5  # figures in metrics/eval.json and in queries.json have 6 digits


class NoTest(Exception):
    """Why the queries of two runs cannot be compared one by one; the text goes into the table of gates."""


def queries_file(version: object) -> str:
    """Where the stage eval writes nDCG@10 of every query."""
    return f"outputs/eval_{version}/queries.json"


def workspace_queries(version: object) -> Any:
    """The queries.json that lies here. Raises NoTest without a readable one."""
    try:
        return json.loads(Path(queries_file(version)).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise NoTest("no queries.json here") from None


def commit_queries(commit: str, version: object) -> Any:
    """The queries.json of a commit, from DVC's cache or remote. Raises NoTest without a readable one."""
    from dvc.api import DVCFileSystem  # half a second, which only this needs

    try:
        return json.loads(DVCFileSystem(".", rev=commit).read_text(queries_file(version), encoding="utf-8"))
    except Exception:  # each kind of remote has errors of its own, and none of them stops the report
        raise NoTest("no queries.json of the base") from None


def p_values(
    base: Any, now: Any, figures: Mapping[str, tuple[float | None, float]], split: str
) -> tuple[dict[str, float], int]:
    """p of each system's difference, corrected by Holm, and the number of queries.

    `figures` holds what metrics/eval.json says of each system, base and now: a queries.json with another mean was left
    by another run. Raises NoTest where it is, and where the two were evaluated on different queries.
    """
    try:
        of_base, of_now = (_checked(side, place, figures, split) for place, side in enumerate((base, now)))
        if base["ids"] != now["ids"]:
            raise NoTest("other queries than the base's")
        paired = {system: [a - b for a, b in zip(of_now[system], of_base[system], strict=True)] for system in figures}
        return holm({system: randomisation_test(values, SEED) for system, values in paired.items()}), len(now["ids"])
    except (KeyError, TypeError, ValueError):
        raise NoTest("a queries.json of another form") from None


def _checked(
    queries: Any, place: int, figures: Mapping[str, tuple[float | None, float]], split: str
) -> Mapping[str, Sequence[float]]:
    of = queries["ndcg10"]
    means = {system: fmean(of[system]) for system in figures}
    same = all(abs(mean - figures[system][place]) <= ROUNDING for system, mean in means.items())
    if queries["split"] != split or not same:
        raise NoTest(f"queries.json {'here' if place else 'of the base'} is of another run than metrics/eval.json")
    return of
