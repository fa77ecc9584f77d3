"""The blocks of the READMEs that are marked as runnable run as they are written."""

import re

import pytest
from pipeline.conftest import ROOT

BLOCK = re.compile(r"^```bash runnable\n(.*?)^```", re.MULTILINE | re.DOTALL)
BLOCKS = [
    pytest.param(block, id=f"{name}: {block.splitlines()[0]}")
    for name in ("README.md", "README.ko.md")
    for block in BLOCK.findall((ROOT / name).read_text(encoding="utf-8"))
]


def test_there_are_such_blocks_in_both():
    assert {param.id.split(":")[0] for param in BLOCKS} == {"README.md", "README.ko.md"}


@pytest.mark.parametrize("block", BLOCKS)
def test_a_block_runs_as_written(clone, block):
    before = clone.metrics()
    clone.run("bash", "-euo", "pipefail", "-c", block)
    clone.restore()
    assert clone.metrics() == before


def test_every_make_target_that_is_named_exists():
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for name in ("README.md", "README.ko.md"):
        named = set(re.findall(r"\bmake ([a-z0-9-]+)", (ROOT / name).read_text(encoding="utf-8")))
        assert named - targets <= {"and"}  # "make and git"
