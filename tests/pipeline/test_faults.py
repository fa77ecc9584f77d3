"""Nothing is lost: a kill, a full disk, Ctrl-C and a wrong clock. `make torture` has the long form, stage by stage."""

import os
import signal
import time
from pathlib import Path

import pytest
from faults import REFUSALS, WAYS, Place, can_mount, difference


@pytest.fixture(scope="module")
def place(small, tmp_path_factory):
    """The small clone; it must be left as it was found."""
    place = Place(small, tmp_path_factory.mktemp("faults"))
    before = place.state()
    yield place
    assert difference(before, place.state()) == []


@pytest.mark.parametrize("way", WAYS, ids=("repro", "exp"))
def test_a_killed_stage_is_made_up_for_by_the_same_command(place, way):
    before = place.state()
    killed = place.over("idf", way, strike=(signal.SIGKILL, 0.5, True))
    assert killed.is_struck
    assert killed.phase("idf") == "in the stage"
    assert difference(before, place.state())  # the out is gone
    ended, _ = place.again("idf", way)
    assert ended.code == 0
    if way is not WAYS[0]:
        place.clone.run("dvc", "exp", "remove", "fault")
    assert difference(before, place.state()) == []


@pytest.mark.parametrize("what", REFUSALS)
def test_what_the_system_refuses_is_one_line_with_a_remedy(place, what):
    if REFUSALS[what][0].count("unshare") and not can_mount():
        pytest.skip("this user may not mount, not even in a namespace of their own")
    done = place.refused("idf", what)
    assert done.code != 0
    [line] = done.errors()
    assert line.startswith(f"Error: stage idf: {REFUSALS[what][1]}")
    assert line.endswith("then run the same command again.")
    assert "Traceback" not in done.output
    assert "LEFT BEHIND" not in done.output
    assert place.left() == []


@pytest.mark.parametrize("seconds", [0.4, 1.5])
def test_ctrl_c_is_one_line_and_the_same_command_goes_on(place, seconds):
    """While the stage imports what it needs, and later."""
    done = place.over("idf", strike=(signal.SIGINT, seconds, True))
    assert done.is_struck
    assert done.code != 0
    [line] = done.errors()
    assert "interrupted" in line
    assert line.endswith("Run the same command again.")
    assert "Traceback" not in done.output
    assert place.over("idf").code == 0


def test_a_wrong_clock_reruns_nothing(place):
    """DVC goes by content: files that are years younger or older than everything else are the same files."""
    files = [path for path in place.clone.folder.rglob("*") if path.is_file() and ".git/" not in f"{path}"]
    times = {path: path.stat() for path in files}
    try:
        for years in (10, -10):
            for path in files:
                when = time.time() + years * 365 * 86_400
                os.utime(path, (when, when))
            assert place.clone.repro() == set()
    finally:
        for path, stat in times.items():
            if Path(path).exists():
                os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
