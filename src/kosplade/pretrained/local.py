"""A model that a user names: it must lie where DVC sees it change, and what cannot be loaded is one line."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kosplade.errors import UserError, first_line
from kosplade.params import EMBEDDED
from kosplade.paths import MODELS


def check_watched(key: str, name: str) -> None:
    """Raise UserError if `name`, the value of `key` in params.yaml, is a local folder outside data/models.

    A linked folder counts as where it really lies: DVC does not follow such links.
    """
    folder = Path(name).expanduser()
    if folder.is_dir() and MODELS.resolve() not in folder.resolve().parents:
        raise UserError(
            f"{key}: {name} lies outside {MODELS}, so DVC would not see it change. Bring it in: "
            f"dvc add --out {MODELS}/{folder.name} {name}; then set {key}={MODELS}/{folder.name}"
        )


@contextmanager
def loading(key: str, name: str, revision: str | None) -> Iterator[None]:
    """A block that loads the model `name`, the value of `key`: what goes wrong in it is a UserError with the remedy."""
    try:
        yield
    except (UserError, MemoryError):
        raise
    except Exception as error:  # beside OSError and ValueError what torch and tokenizers raise for a damaged file
        at = f" (revision {revision})" if revision else ""
        raise UserError(
            f"{key} {name!r}{at} cannot be loaded: {first_line(error)}. "
            f"Check the name, download it while online, or set {key} to a local folder or {EMBEDDED}."
        ) from None
