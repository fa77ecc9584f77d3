"""What a user reads of a refusal; that it is one line is `UserError`'s own doing (tests/test_errors.py)."""

from collections.abc import Callable
from typing import Any

import pytest

from kosplade.errors import UserError


def message(action: Callable[..., Any], *arguments: Any, **options: Any) -> str:
    """The message of the UserError that an action ends with."""
    with pytest.raises(UserError) as error:
        action(*arguments, **options)
    return str(error.value)
