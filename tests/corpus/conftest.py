"""The stage prepare on the embedded text, run once."""

import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from kosplade.params import load_params
from kosplade.stages import prepare

ROOT = Path(__file__).parents[2]


class Embedded(NamedTuple):
    root: Path  # of a repository with data/prepared and data/train.arrow
    passages: int
    kept_out: frozenset[str]


@pytest.fixture(scope="session")
def embedded(tmp_path_factory) -> Embedded:
    """With two negatives a query; tests must not change it."""
    root, found = tmp_path_factory.mktemp("embedded"), []
    shutil.copytree(ROOT / "data/queries", root / "data/queries")
    shutil.copy(ROOT / "data/sources.yaml", root / "data")
    params = load_params(ROOT / "params.yaml")
    run = prepare.prepare_embedded
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setattr(prepare, "prepare_embedded", lambda *given: found.append(run(*given)) or found[0])
        prepare.body(params.model_copy(update={"data": params.data.model_copy(update={"hard_negatives": 2})}))
    return Embedded(root, *found[0])
