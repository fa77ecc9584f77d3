"""How many cases a test gets, and what a case may end in."""

from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, settings

from kosplade.errors import UserError


def share(parts: int) -> settings:
    """Ten cases a part, the same every time."""
    return settings(
        max_examples=10 * parts,
        derandomize=True,
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
