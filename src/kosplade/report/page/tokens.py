"""A text cut where its pieces begin and end, so that each stretch can be shaded by its weight."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Stretch:
    """Part of a text. `share` is its weight over the largest one of the vector (0 to 1), 0 where no piece lies."""

    text: str
    share: float = 0.0
    kind: str = ""
    note: str = ""


def stretches(view: dict) -> list[Stretch]:
    """The whole text of a token view in order; the spans of its pieces rise and never overlap (`analysis.views`)."""
    text, found, last = view["text"], [], 0
    largest = max((one["weight"] for one in [*view["own"], *view["top"]]), default=0.0)
    for one in view["own"]:
        start, end = one["start"], one["end"]
        if one["weight"] > 0 and start < end:
            found += [Stretch(text[last:start])] if last < start else []
            note = f"{one['piece']} {one['weight']:.2f}, {one['kind']}"
            found.append(Stretch(text[start:end], one["weight"] / largest, one["kind"], note))
            last = end
    return found + ([Stretch(text[last:])] if last < len(text) else [])


def token_views(base: list[dict], new: list[dict]) -> list[dict]:
    """Pair the views of two experiments by text, in the order of `new`; "base" is None where only `new` has it."""
    of_base = {view["text"]: view for view in base}
    return [{"text": view["text"], "base": of_base.get(view["text"]), "new": view} for view in new]
