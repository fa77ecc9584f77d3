"""What the other tests here stand on."""

import re
from pathlib import Path

import pytest
from fuzz.cases import PARTS, case, outcome

from kosplade.errors import UserError


def test_the_parts_are_those_of_all_tests():
    sources = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    assert sum(map(int, re.findall(r"(?m)^@share\((\d+)\)$", sources))) == PARTS


def test_an_outcome_is_a_result_or_one_line():
    def fail(error: Exception):
        raise error

    assert outcome(lambda: 7) == (7, None)
    assert outcome(lambda: fail(UserError("a: b. c"))) == (None, "a: b. c")
    assert outcome(lambda: fail(UserError("a\nb\u202ec\ud800"))) == (None, "a\\nb\\u202ec\\ud800")
    with pytest.raises(KeyError):
        outcome(lambda: fail(KeyError("a")))


def test_a_case_that_hangs_is_stopped(monkeypatch):
    def loop() -> None:
        while True:
            pass

    monkeypatch.setattr("fuzz.cases.HANG", 0.2)
    monkeypatch.setattr("fuzz.cases.TRIED", {"loop": 0})
    with pytest.raises(AssertionError, match="loop: no end"), case("loop"):
        loop()
