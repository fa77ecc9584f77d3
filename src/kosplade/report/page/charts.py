"""Charts as inline SVG: lines and histograms. Here is where things fall; chart.svg.j2 and page.css say how they look.

Colours are CSS classes, so that light and dark cost nothing. Where a line is not finite it has a gap.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from kosplade.report.page.scales import Scale, nice_ticks, tick_labels
from kosplade.report.rendering import render

LEFT, RIGHT, TOP, BOTTOM = 40, 334, 32, 172  # edges of the plot area in a chart of 340 by 212
MOST_POINTS = 500  # of one line: more than its pixels would only make the page heavy


@dataclass(frozen=True)
class Line:
    """(x, y) points in order, each with a dot or none; `style` is "base" or "new"."""

    name: str
    style: str
    points: Sequence[tuple[float, float]]
    has_dots: bool = False


@dataclass(frozen=True)
class Bins:
    """Counts between edges, one edge more than counts."""

    name: str
    style: str
    edges: Sequence[float]
    counts: Sequence[float]


class Frame:
    """The plot area: its scales, its ticks as (value, label), the names of its axes."""

    def __init__(self, x: Scale, y_ticks: Sequence[float], x_ticks: Sequence[float], x_label: str, y_label: str):
        self.x, self.y = x, Scale(y_ticks[0], y_ticks[-1], BOTTOM, TOP)
        self.x_ticks, self.y_ticks = (list(zip(of, tick_labels(of), strict=True)) for of in (x_ticks, y_ticks))
        self.x_label, self.y_label = x_label, y_label


def line_chart(
    lines: Sequence[Line],
    *,
    title: str,
    x_label: str,
    y_label: str,
    references: Sequence[tuple[float, str]] = (),
    from_zero: bool = True,
) -> Markup:
    """Lines in one frame, `references` are labelled horizontal lines.

    The x axis starts at 0 and ends at the last point; the y axis starts at 0 unless `from_zero` is false.
    """
    finite = [point for line in lines for point in line.points if _is_finite(*point)]
    if not finite:
        return _chart(title, "No figures.", None)
    levels = [y for _, y in finite] + [value for value, _ in references]
    x = Scale(0, (max(x for x, _ in finite) or 1) * (1.03 if any(line.has_dots for line in lines) else 1), LEFT, RIGHT)
    x_ticks = [tick for tick in nice_ticks(x.low, x.high) if tick <= x.high]
    frame = Frame(x, nice_ticks(min(levels + [0.0] * from_zero), max(levels)), x_ticks, x_label, y_label)
    drawn = []
    for line in lines:
        dots = [(x(a), frame.y(b)) for a, b in line.points if line.has_dots and _is_finite(a, b)]
        drawn.append({"style": line.style, "path": _path(line, x, frame.y), "dots": dots})
    placed = list(_references(references, frame.y))
    return _chart(title, "; ".join(map(_ends, lines)), frame, lines=drawn, references=placed)


def histogram(groups: Sequence[Bins], *, title: str, x_label: str, y_label: str) -> Markup:
    """Counts from 0, the groups' bars side by side in each bin."""
    groups = [group for group in groups if group.counts]
    if not groups:
        return _chart(title, "No figures.", None)
    edges = [edge for group in groups for edge in group.edges]
    x_ticks = nice_ticks(min(edges), max(edges), 6)
    x = Scale(x_ticks[0], x_ticks[-1], LEFT, RIGHT)
    frame = Frame(x, nice_ticks(0, max(max(group.counts) for group in groups)), x_ticks, x_label, y_label)
    bars = []
    for place, group in enumerate(groups):
        for left, right, count in zip(group.edges, group.edges[1:], group.counts, strict=False):
            width = (x(right) - x(left)) * 0.9 / len(groups)
            note = f"{group.name}: {count:,} between {left:g} and {right:g}"
            where = {"x": x(left) + place * width, "y": frame.y(count), "width": width}
            bars += [where | {"style": group.style, "note": note}] if count else []
    totals = "; ".join(f"{group.name}: {sum(group.counts):,} in all" for group in groups)
    return _chart(title, totals, frame, bars=bars)


def _chart(title: str, figures: str, frame: Frame | None, **parts: Any) -> Markup:
    return render("chart.svg.j2", described=f"{title}. {figures}", frame=frame, **parts)


def _is_finite(*values: float) -> bool:
    return all(math.isfinite(value) for value in values)


def _references(references: Sequence[tuple[float, str]], y: Scale) -> Iterator[dict]:
    """Labels sit on their lines, at the left; one that would cover another moves down."""
    lowest = -math.inf
    for value, label in sorted(references, reverse=True):
        lowest = max(y(value) - 5, lowest + 14)
        yield {"y": y(value), "label": label, "label_y": lowest}


def _path(line: Line, x: Scale, y: Scale) -> str:
    stride = max(1, math.ceil(len(line.points) / MOST_POINTS))
    steps, pen = [], "M"
    for a, b in [*line.points[:-1][::stride], *line.points[-1:]]:
        if _is_finite(a, b):
            steps.append(f"{pen}{x(a):.1f},{y(b):.1f}")
        pen = "L" if _is_finite(a, b) else "M"
    return "".join(steps)


def _ends(line: Line) -> str:
    """What a reader who cannot see the line should know: where it starts and ends."""
    values = [y for x, y in line.points if _is_finite(x, y)]
    return f"{line.name}: from {values[0]:.4g} to {values[-1]:.4g}" if values else f"{line.name}: no figures"
