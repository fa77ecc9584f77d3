"""The one exception that a user is meant to read, and what the system refused in words for a user."""

import re

# What the system says, numpy ("requested and 7 written") and torch ("unexpected pos").
FULL = r"No space left|File too large|quota exceeded|requested and \d+ written|problem writing element|unexpected pos"
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


def first_line(error: BaseException) -> str:
    """What a library said, for a message: the first of its lines, without a full stop."""
    return str(error).split("\n")[0].rstrip(".")


def _one_line(text: str) -> str:
    if len(text) > LONGEST:
        text = f"{text[: LONGEST // 2]} ... {text[-LONGEST // 2 :]}"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def refusal(error: BaseException, lighter: str) -> str | None:
    """One line for a full disk, a folder that cannot be written or too little memory; None for any other error.

    `lighter` says how to need less memory. The errors that led to this one are looked at, too.
    """
    while error is not None:
        text = "out of memory" if isinstance(error, MemoryError) else str(error)
        place = f": {error.filename}" if getattr(error, "filename", None) else ""
        if re.search(FULL, text):
            return f"No space is left on the disk{place}. Free some, then run the same command again."
        if re.search(r"Read-only file system|Permission denied|Operation not permitted", text):
            return (
                f"A folder cannot be written{place}. Make it writable, or move what lies at home: set KOSPLADE_CACHE "
                "(wheels), KOSPLADE_CHECKPOINTS (checkpoints) and HF_HOME (models of the Hub)."
            )
        if re.search(r"out of memory|allocate memory", text):
            return f"The memory does not suffice. {lighter}, or stop other programs, then run the same command again."
        error = error.__cause__ or error.__context__
    return None
