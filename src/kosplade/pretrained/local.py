"""A user's own model: a dependency of the stages that read it, so it must lie where DVC sees it change."""

from pathlib import Path

from kosplade.errors import UserError
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
