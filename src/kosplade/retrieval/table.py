"""Results as a plain-text table that is also Markdown."""

import unicodedata


def format_table(rows: list[dict[str, object]], columns: list[str]) -> str:
    """Lay out `rows` as an aligned Markdown table of `columns`.

    Columns of numbers are right aligned, floats have 3 decimals, None and missing keys read "-".
    """
    cells = [columns, *([_cell(row.get(column)) for column in columns] for row in rows)]
    right = [_is_numeric([row.get(column) for row in rows]) for column in columns]
    widths = [max(3, *map(_width, column)) for column in zip(*cells, strict=True)]
    rules = ["-" * (width - 1) + ":" if r else "-" * width for width, r in zip(widths, right, strict=True)]
    return "\n".join(_line(row, widths, right) for row in [cells[0], rules, *cells[1:]])


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _is_numeric(values: list[object]) -> bool:
    present = [value for value in values if value is not None]
    return bool(present) and all(isinstance(v, int | float) and not isinstance(v, bool) for v in present)


def _width(text: str) -> int:
    """Columns of a terminal: Hangul takes two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def _line(cells: list[str], widths: list[int], right: list[bool]) -> str:
    padded = []
    for cell, width, is_right in zip(cells, widths, right, strict=True):
        padding = " " * (width - _width(cell))
        padded.append(padding + cell if is_right else cell + padding)
    return f"| {' | '.join(padded)} |"
