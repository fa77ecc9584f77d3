"""Where hypothesis keeps its tables (not in the repository), and the folder that the cases write over."""

import tempfile
from pathlib import Path

import pytest
from hypothesis.configuration import set_hypothesis_home_dir

set_hypothesis_home_dir(Path(tempfile.gettempdir()) / "kosplade-hypothesis")


@pytest.fixture(scope="session")
def folder(tmp_path_factory) -> Path:
    """A folder that the cases of a run write over."""
    return tmp_path_factory.mktemp("fuzz")
