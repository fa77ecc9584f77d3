"""How many cases a target gets, what a case may end in, and how many were tried.

`KOSPLADE_FUZZ` is the number of cases in all; `make fuzz` sets it. Without it a short form runs, the same every time.
"""

import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from hypothesis import HealthCheck, settings

from kosplade.errors import UserError

SHORT = 1200
PARTS = 145  # of all tests together; test_cases.py adds them up
TOTAL = int(os.environ.get("KOSPLADE_FUZZ") or SHORT)
HANG = 60  # seconds of this process's own time: how busy the machine is does not count
TRIED: Counter[str] = Counter()


def share(parts: int) -> settings:
    """The part of all cases that one test gets."""
    return settings(
        max_examples=-(-TOTAL * parts // PARTS),
        derandomize=TOTAL == SHORT,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


@contextmanager
def case(target: str) -> Iterator[None]:
    """Count a case, and stop one that hangs."""
    TRIED[target] += 1

    def stop(*_: object) -> None:
        raise AssertionError(f"{target}: no end after {HANG} seconds")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, HANG)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def outcome(read: Callable[[], Any]) -> tuple[Any, str | None]:
    """(result, None) or (None, message of the one UserError): any other exception is the caller's failure."""
    try:
        return read(), None
    except UserError as error:
        message = str(error)
    assert message.isprintable(), f"more than one line, or characters that hide: {message!r}"
    assert len(message) < 2500, f"a message of {len(message)} characters"
    return None, message
