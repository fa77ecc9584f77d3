"""The summary of a campaign, and where hypothesis keeps its tables: not in the repository."""

import tempfile
from pathlib import Path

import pytest
from fuzz.cases import TRIED
from hypothesis.configuration import set_hypothesis_home_dir

set_hypothesis_home_dir(Path(tempfile.gettempdir()) / "kosplade-hypothesis")


@pytest.fixture(scope="session")
def folder(tmp_path_factory) -> Path:
    """A folder that the cases of a run write over."""
    return tmp_path_factory.mktemp("fuzz")


def pytest_terminal_summary(terminalreporter) -> None:
    """Say how many cases were tried."""
    if TRIED:
        terminalreporter.section("fuzz")
        for target, count in sorted(TRIED.items()):
            terminalreporter.write_line(f"{count:>9,}  {target}")
        terminalreporter.write_line(f"{TRIED.total():>9,}  in all")
