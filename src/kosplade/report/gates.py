"""gates.yaml, the one place for limits: read and checked here, shown by every table with limits."""

import difflib
import operator
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kosplade.errors import UserError, shown
from kosplade.files import read_yaml

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
    """Read and check gates.yaml; every problem is a UserError of one line that names the place."""
    try:
        return Gates.model_validate(read_yaml(path))
    except ValidationError as error:
        # An unknown key first: it is why another one is missing.
        first = min(error.errors(), key=lambda one: one["type"] != "extra_forbidden")
        raise UserError(f"{path}: {_explained(first)}") from None


def _explained(error: Any) -> str:
    *groups, key = (str(part) for part in error["loc"] if part != "[key]") if error["loc"] else ("the file",)
    place = ", ".join([*groups, key])
    if error["type"] == "extra_forbidden":
        known = NotWorse.model_fields if groups else Gates.model_fields
        return f"unknown key '{place}'. Did you mean '{difflib.get_close_matches(key, known, n=1, cutoff=0)[0]}'?"
    if error["type"] == "missing":
        return f"key '{place}' is missing. Add it."
    return f"{place}: {error['msg'][0].lower()}{error['msg'][1:]}, not {shown(error['input'])}."
