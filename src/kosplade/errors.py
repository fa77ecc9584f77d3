"""The one exception that a user is meant to read, and what the system refused in words for a user."""

import re
from collections.abc import Iterator

# Each library says in its own words what the system refuses: numpy that less was written than it asked for, torch that
# its archive is at an unexpected place, Rust's "os error 28".
FULL = (
    r"No space left|File too large|quota exceeded|database or disk is full"
    r"|requested and \d+ written|problem writing element|inline_container\S+ \. unexpected pos"
)
READ_ONLY = r"Read-only file system|Permission denied|Operation not permitted"
NO_MEMORY = r"out of memory|allocate memory"
LONGEST = 2000  # characters of a message: a broken file may name an id of megabytes


class UserError(Exception):
    """A problem the user can repair. The text names the thing, the place and the remedy, in one line.

    What came out of a file stays in that line: characters that cannot be seen are escaped, too many are left out.
    """

    def __init__(self, text: str) -> None:
        super().__init__(_one_line(text))


def shown(value: object) -> str:
    """`repr` of a value out of a file, for a message: short, whatever the value is."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # a number of thousands of digits; lists in lists in lists
        text = f"a {type(value).__name__}"
    return text if len(text) <= 200 else f"{text[:150]} ... {text[-40:]}"


def _one_line(text: str) -> str:
    if len(text) > LONGEST:
        text = f"{text[: LONGEST // 2]} ... {text[-LONGEST // 2 :]}"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def refusal(error: BaseException, lighter: str) -> str | None:
    """One line for a full disk, a folder that cannot be written or too little memory; None for any other error.

    `lighter` says how to need less memory. The errors that led to this one are looked at, too.
    """
    remedies = {
        FULL: "No space is left on the disk{}. Free some",
        READ_ONLY: "A folder cannot be written{}. Make it writable",
        NO_MEMORY: f"The memory does not suffice{{}}. {lighter}, or stop other programs",
    }
    for one in _chain(error):
        text = "out of memory" if isinstance(one, MemoryError) else str(one)
        for pattern, line in remedies.items():
            if re.search(pattern, text):
                place = getattr(one, "filename", None)
                return line.format(f": {place}" if place else "") + ", then run the same command again."
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
