"""Import one public data set: `python -m kosplade.tools.imports NAME`, or `make import DATASET=NAME`."""

from contextlib import ExitStack
from pathlib import Path

from kosplade.console import run_command, say
from kosplade.errors import UserError
from kosplade.files import read_json, replacing, write_json
from kosplade.params import load_params
from kosplade.tools.imports.download import fetch
from kosplade.tools.imports.judged import convert_beir, convert_miracl
from kosplade.tools.imports.registry import Dataset, find_dataset
from kosplade.tools.imports.squad import convert_squad

MADE_FROM = "imported.json"


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
    if not dataset.verified:
        tell("its revision could not be verified when the entry was written: look at the comment in data/registry.yaml")
    source = {key: getattr(dataset, key) for key in ("title", "licence", "licence_note", "citation")}
    source["downloads"] = fetch(dataset, tell)
    if dataset.train:
        source["max_passage_chars"] = max_passage_chars
    made = " and ".join(map(str, dataset.outputs))
    if all(path.exists() for path in dataset.outputs) and _made_from(dataset) == source:
        tell(f"{made}: up to date")
    else:
        tell(f"{made}: {_convert(dataset, source, max_passage_chars)}")
    if dataset.train:
        tell("next: set data.source to user in params.yaml, then make repro")
    tell(f"next: make eval-beir DIR={dataset.beir}; to keep the pins: git add {dataset.folder}")


def tell(line: str) -> None:
    """Print one line."""
    say("import", line)


def _convert(dataset: Dataset, source: dict, max_passage_chars: int) -> str:
    for path in dataset.outputs:
        if path.exists() and _made_from(dataset) is None:
            raise UserError(f"{path} is there without a {_record(dataset)} that says what made it. Move it.")
    with ExitStack() as stack:  # the BEIR folder moves last: it says what all of it was made from
        beir = stack.enter_context(replacing(Path(dataset.beir)))
        if dataset.train:
            train = stack.enter_context(replacing(Path(dataset.train)))
            counts = convert_squad(dataset.folder, dataset.files, train, beir, max_passage_chars)
        else:
            convert = {"beir": convert_beir, "miracl": convert_miracl}[dataset.format]
            counts = convert(dataset.folder, dataset.files, beir)
        write_json(beir / MADE_FROM, source)
    return counts


def _made_from(dataset: Dataset) -> dict | None:
    record = _record(dataset)
    return read_json(record, f"Delete {dataset.beir}.") if record.exists() else None


def _record(dataset: Dataset) -> Path:
    return Path(dataset.beir, MADE_FROM)


if __name__ == "__main__":
    run_command(main)
