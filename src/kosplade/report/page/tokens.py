"""A text cut where its pieces begin and end, so that each stretch can be shaded by its weight."""

from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class Stretch:
    """Part of a text. `share` is its weight over the largest one of the vector (0 to 1), 0 where no piece lies."""

    text: str
    share: float = 0.0
    kind: str = ""
    note: str = ""


def stretches(view: dict) -> list[Stretch]:
    """The whole text of a token view in order; where pieces overlap the heaviest counts, empty pieces do not."""
    text = view["text"]
    pieces = [
        one | {"start": max(0, one["start"]), "end": min(len(text), one["end"])}
        for one in view["own"]
        if one["weight"] > 0 and max(0, one["start"]) < min(len(text), one["end"])
    ]
    cuts = sorted({0, len(text), *(one["start"] for one in pieces), *(one["end"] for one in pieces)})
    largest = max_weight(view)
    found = []
    for start, end in pairwise(cuts):
        covering = [one for one in pieces if one["start"] <= start and end <= one["end"]]
        heaviest = max(covering, key=lambda one: one["weight"], default=None)
        if heaviest is None:
            found.append(Stretch(text[start:end]))
        else:
            note = f"{heaviest['piece']} {heaviest['weight']:.2f}, {heaviest['kind']}"
            found.append(Stretch(text[start:end], heaviest["weight"] / largest, heaviest["kind"], note))
    return found


def max_weight(view: dict) -> float:
    """The largest weight of a token view, 1 for a vector without any."""
    return max((one["weight"] for one in [*view["own"], *view["top"]]), default=0.0) or 1.0


def expansions(view: dict) -> list[dict]:
    """The heaviest pieces that the text does not contain, each with `share` as in Stretch."""
    largest = max_weight(view)
    return [one | {"share": one["weight"] / largest} for one in view["top"] if not one["in_text"]]


def token_views(base: list[dict], new: list[dict]) -> list[dict]:
    """Pair the views of two experiments by text, in the order of `new`; "base" is None where only `new` has it."""
    of_base = {view["text"]: view for view in base}
    return [{"text": view["text"], "base": of_base.get(view["text"]), "new": view} for view in new]
