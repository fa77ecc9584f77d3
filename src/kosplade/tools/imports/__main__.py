"""Import one public data set: `python -m kosplade.tools.imports NAME`, or `make import DATASET=NAME`."""

from contextlib import ExitStack
from functools import partial

from kosplade.console import run_command, say
from kosplade.errors import UserError
from kosplade.files import read_json, replacing, write_json
from kosplade.params import load_params
from kosplade.tools.imports.download import fetch
from kosplade.tools.imports.judged import convert_judged
from kosplade.tools.imports.registry import Dataset, find_dataset
from kosplade.tools.imports.squad import convert_squad

MADE_FROM = "imported.json"
tell = partial(say, "import")


def main(arguments: list[str]) -> None:
    """Import the data set that the command line names; without a name, or with another, list the known ones."""
    if len(arguments) > 1:
        raise UserError("Name one data set: make import DATASET=<name>")
    import_dataset(find_dataset(arguments[0] if arguments else ""), load_params().data.max_passage_chars)


def import_dataset(dataset: Dataset, max_passage_chars: int) -> None:
    """Fetch a data set with DVC, convert it, and say in a line for each step what was done and what comes next.

    What is there already is neither fetched nor converted again. UserError: bad input; nothing half-written is left.
    """
    tell(f"{dataset.title}: {dataset.size}")
    tell(f"licence: {dataset.licence} - {dataset.licence_note}")
    tell(f"cite: {dataset.citation}")
    source = {key: getattr(dataset, key) for key in ("title", "licence", "licence_note", "citation")}
    source["downloads"] = fetch(dataset, tell)
    if dataset.train:
        source["max_passage_chars"] = max_passage_chars
    outputs = [path for path in (dataset.train, dataset.beir) if path]
    made = " and ".join(map(str, outputs))
    record = dataset.beir / MADE_FROM
    made_from = read_json(record, f"Delete {dataset.beir}.") if record.exists() else None
    there = [path for path in outputs if path.exists()]
    if made_from == source and there == outputs:
        tell(f"{made}: up to date")
    elif there and made_from is None:
        raise UserError(f"{there[0]} is there without a {record} that says what made it. Move it.")
    else:
        tell(f"{made}: {_convert(dataset, source, max_passage_chars)}")
    if dataset.train:
        tell("next: set data.source to user in params.yaml, then make repro")
    tell(f"next: make eval-beir DIR={dataset.beir}; to keep the pins: git add {dataset.folder}")


def _convert(dataset: Dataset, source: dict, max_passage_chars: int) -> str:
    with ExitStack() as stack:  # the BEIR folder moves last: it says what all of it was made from
        beir = stack.enter_context(replacing(dataset.beir))
        if dataset.train:
            train = stack.enter_context(replacing(dataset.train))
            counts = convert_squad(dataset.folder, dataset.files, train, beir, max_passage_chars)
        else:
            counts = convert_judged(dataset.folder, dataset.files, beir)
        write_json(beir / MADE_FROM, source)
    return counts


if __name__ == "__main__":
    run_command(main)
