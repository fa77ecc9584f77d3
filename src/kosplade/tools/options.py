"""What a command line may hold, checked before anything long starts."""

import argparse
import tempfile
from pathlib import Path

from kosplade.errors import UserError
from kosplade.paths import BACKBONE, BASELINES, PREPARED, TEACHER, eval_folder, export_folder, train_folder

OUTS = (PREPARED, BACKBONE, TEACHER, BASELINES, train_folder("*"), eval_folder("*"), export_folder("*"))


def positive(text: str) -> int:
    """A whole number above 0, as a type for argparse."""
    if not (text.isascii() and text.isdecimal()) or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def refuse_outs(place: Path, name: str) -> None:
    """UserError for a place in an out of the pipeline: DVC deletes what it did not put there. `name` is the option."""
    here, place = Path.cwd().resolve(), place.resolve()
    inside = place.relative_to(here) if place.is_relative_to(here) else Path()
    for one in (inside, *inside.parents):
        if any(len(one.parts) == len(out.parts) and one.match(str(out)) for out in OUTS):
            raise UserError(
                f"{name}: {inside} is in an out of the pipeline, where DVC deletes it. Choose another folder."
            )


def make_folder(folder: Path) -> None:
    """Make the folder that --output names, with those above it.

    Raises UserError for one in an out of the pipeline, and where nothing can be written.
    """
    refuse_outs(folder, "--output")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise UserError(f"--output: {folder} cannot be written ({error.strerror}). Choose another.") from None


def make_place(file: Path) -> None:
    """Make the folder of the file that --output names; UserError for a folder, and where nothing can be written."""
    if file.is_dir():
        raise UserError(f"--output: {file} is a folder. Name a file.")
    make_folder(file.parent)
