"""How many cases a test gets, and what a case may end in.

`KOSPLADE_FUZZ` multiplies the number of cases and draws new ones; without it they are the same every time.
"""

import os
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, settings

from kosplade.errors import UserError

TIMES = int(os.environ.get("KOSPLADE_FUZZ", 1))


def share(parts: int) -> settings:
    """Ten cases a part."""
    return settings(
        max_examples=10 * parts * TIMES,
        derandomize=TIMES == 1,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


def outcome(read: Callable[[], Any]) -> tuple[Any, str | None]:
    """(result, None) or (None, message of the one UserError): any other exception is the caller's failure."""
    try:
        return read(), None
    except UserError as error:
        message = str(error)
    assert message.isprintable(), f"more than one line, or characters that hide: {message!r}"
    assert len(message) < 2500, f"a message of {len(message)} characters"
    return None, message
