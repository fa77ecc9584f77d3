"""gates.yaml, the one place for limits: read and checked here, shown by every table with limits."""

import operator
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from kosplade.files import read_model

GATES = Path("gates.yaml")
WORDS = {
    "at_least": (operator.ge, "≥"),
    "at_most": (operator.le, "≤"),
    "above": (operator.gt, ">"),
    "below": (operator.lt, "<"),
}
Bounds = Annotated[dict[Literal["at_least", "at_most", "above", "below"], float], Field(min_length=1)]


class _Group(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)


class NotWorse(_Group):
    """Systems whose nDCG@10 must not fall: by a test at `level`, or by `tolerance` where none is possible."""

    systems: list[str]
    level: float
    tolerance: float


class Gates(_Group):
    """The content of gates.yaml; `limits` are bounds by metrics file and metric."""

    limits: dict[str, dict[str, Bounds]]
    not_worse: NotWorse

    def bounds(self, stem: str, metric: str) -> dict[str, float]:
        """The bounds on a metric of metrics/<stem>.json, none if it has no limit."""
        return self.limits.get(f"metrics/{stem}.json", {}).get(metric, {})


def keeps(bounds: Mapping[str, float], value: float) -> bool:
    """Whether a value keeps all of its bounds; NaN keeps none."""
    return all(WORDS[word][0](value, limit) for word, limit in bounds.items())


def limit_text(bounds: Mapping[str, float]) -> str:
    """Bounds as tables show them: "> 10, ≤ 150"."""
    return ", ".join(f"{WORDS[word][1]} {limit:g}" for word, limit in bounds.items())


def read_gates(path: Path = GATES) -> Gates:
    """Read gates.yaml; another shape is a UserError that names the place."""
    return read_model(path, Gates)
