"""Charts as inline SVG: lines, histograms, intervals. Colours are CSS classes, so that light and dark cost nothing.

A chart is WIDTH units wide and scales with its place on the page. Where a line is not finite it has a gap.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from markupsafe import Markup, escape

from kosplade.report.page.scales import Scale, nice_ticks, tick_labels

WIDTH, HEIGHT = 340, 212
LEFT, RIGHT, TOP, BOTTOM = 40, 334, 32, 172  # edges of the plot area
ROW, NAMES = 22, 106  # of intervals: the height of one, and where their labels end
MOST_POINTS = 500  # of one line: more than its pixels would only make the page heavy
CHARACTER = 6.2  # mean width of a character of the small type, for placing what follows a text


@dataclass(frozen=True)
class Line:
    """(x, y) points in order; `style` is "base" or "new"; `notes`, one a point or none, are tooltips."""

    name: str
    style: str
    points: Sequence[tuple[float, float]]
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Bins:
    """Counts between edges, one edge more than counts."""

    name: str
    style: str
    edges: Sequence[float]
    counts: Sequence[float]


@dataclass(frozen=True)
class Interval:
    """A difference with the ends of its interval; `style` is "better", "worse" or "unsure".

    Intervals that follow each other in one `group` stand under its name.
    """

    group: str
    label: str
    value: float
    low: float
    high: float
    style: str


def line_chart(
    lines: Sequence[Line],
    *,
    title: str,
    x_label: str,
    y_label: str,
    references: Sequence[tuple[float, str]] = (),
    from_zero: bool = True,
) -> Markup:
    """Lines in one frame, with a dot on each point where they have notes; `references` are labelled horizontal lines.

    The x axis starts at 0 and ends at the last point; the y axis starts at 0 unless `from_zero` is false.
    """
    finite = [point for line in lines for point in line.points if _is_finite(*point)]
    if not finite:
        return _empty(title)
    levels = [y for _, y in finite] + [value for value, _ in references]
    x = Scale(0, (max(x for x, _ in finite) or 1) * (1.03 if any(line.notes for line in lines) else 1), LEFT, RIGHT)
    x_ticks = [tick for tick in nice_ticks(x.low, x.high) if tick <= x.high]
    y_ticks = nice_ticks(min(levels + [0.0] * from_zero), max(levels))
    y = Scale(y_ticks[0], y_ticks[-1], BOTTOM, TOP)
    parts = [_axes(x, y, x_ticks, y_ticks, x_label, y_label)]
    for line in lines:
        parts += [_path(line, x, y), *_markers(line, x, y)]
    parts += _references(references, y, [(x(a), y(b)) for a, b in finite])
    parts += _legend([(line.name, line.style) for line in lines], "line")
    return _svg(f"{title}. {_described(lines)}", parts)


def histogram(groups: Sequence[Bins], *, title: str, x_label: str, y_label: str) -> Markup:
    """Counts from 0, the groups' bars side by side in each bin."""
    groups = [group for group in groups if group.counts]
    if not groups:
        return _empty(title)
    edges = [edge for group in groups for edge in group.edges]
    x_ticks, y_ticks = nice_ticks(min(edges), max(edges), 6), nice_ticks(0, max(max(group.counts) for group in groups))
    x, y = Scale(x_ticks[0], x_ticks[-1], LEFT, RIGHT), Scale(y_ticks[0], y_ticks[-1], BOTTOM, TOP)
    parts = [_axes(x, y, x_ticks, y_ticks, x_label, y_label)]
    for place, group in enumerate(groups):
        for left, right, count in zip(group.edges, group.edges[1:], group.counts, strict=False):
            width = (x(right) - x(left)) * 0.9 / len(groups)
            note = f"{group.name}: {count:,} between {left:g} and {right:g}"
            if count:
                parts.append(
                    f'<rect class="bar {group.style}" x="{x(left) + place * width:.1f}" y="{y(count):.1f}" '
                    f'width="{width:.1f}" height="{BOTTOM - y(count):.1f}"><title>{escape(note)}</title></rect>'
                )
    parts += _legend([(group.name, group.style) for group in groups], "bar")
    totals = "; ".join(f"{group.name}: {sum(group.counts):,} in all" for group in groups)
    return _svg(f"{title}. {totals}", parts)


def interval_chart(intervals: Sequence[Interval], *, title: str, x_label: str) -> Markup:
    """One row for each difference: label, dot and interval on a common scale in which 0 is marked."""
    if not intervals:
        return _empty(title)
    ticks = nice_ticks(min(0.0, *(one.low for one in intervals)), max(0.0, *(one.high for one in intervals)), 3)
    x = Scale(ticks[0], ticks[-1], NAMES + 14, RIGHT - 14)
    rows, line = [], 0.0
    for group, members in groupby(intervals, key=lambda one: one.group):
        line += ROW
        rows.append(_text(group, 0, line - 2, "label"))
        for one in members:
            line += ROW - 2
            rows.append(_text(one.label, NAMES, line - 2, anchor="end"))
            rows.append(_line(f"interval {one.style}", (x(one.low), x(one.high)), (line - 6, line - 6)))
            rows.append(f'<circle class="dot {one.style}" cx="{x(one.value):.1f}" cy="{line - 6:.1f}" r="4"/>')
        line += 8
    frame = []
    for tick, label in zip(ticks, tick_labels(ticks), strict=True):
        frame.append(_line("grid" if tick else "zero", (x(tick), x(tick)), (ROW, line)))
        frame.append(_text(label, x(tick), line + 15, anchor="middle"))
    frame.append(_text(x_label, RIGHT, line + 32, "axis", "end"))
    described = "; ".join(
        f"{one.group}, {one.label}: {one.value:+.3f} ({one.low:+.3f} to {one.high:+.3f})" for one in intervals
    )
    return _svg(f"{title}. {described}", [*frame, *rows], line + 38)


def _is_finite(*values: float) -> bool:
    return all(math.isfinite(value) for value in values)


def _svg(title: str, parts: Iterable[str], height: float = HEIGHT) -> Markup:
    # Every text in the parts was escaped where it entered.
    label = escape(title)
    return Markup(f'<svg viewBox="0 0 {WIDTH} {height:g}" role="img" aria-label="{label}">{"".join(parts)}</svg>')


def _text(text: str, x: float, y: float, style: str = "", anchor: str = "start") -> str:
    attributes = (f' class="{style}"' if style else "") + (f' text-anchor="{anchor}"' if anchor != "start" else "")
    return f'<text{attributes} x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>'


def _line(style: str, xs: tuple[float, float], ys: tuple[float, float]) -> str:
    return f'<line class="{style}" x1="{xs[0]:.1f}" x2="{xs[1]:.1f}" y1="{ys[0]:.1f}" y2="{ys[1]:.1f}"/>'


def _empty(title: str) -> Markup:
    frame = f'<rect class="nothing" x="1" y="1" width="{WIDTH - 2}" height="78" rx="6"/>'
    return _svg(f"{title}. No figures.", [frame, _text("no figures", WIDTH / 2, 44, anchor="middle")], 80)


def _axes(x: Scale, y: Scale, x_ticks: Sequence[float], y_ticks: Sequence[float], x_label: str, y_label: str) -> str:
    parts = []
    for tick, label in zip(y_ticks, tick_labels(y_ticks), strict=True):
        parts.append(_line("base-line" if tick == y_ticks[0] else "grid", (LEFT, RIGHT), (y(tick), y(tick))))
        parts.append(_text(label, LEFT - 7, y(tick) + 4, anchor="end"))
    for tick, label in zip(x_ticks, tick_labels(x_ticks), strict=True):
        parts.append(_text(label, x(tick), BOTTOM + 17, anchor="end" if x(tick) > RIGHT - 12 else "middle"))
    return "".join([*parts, _text(x_label, RIGHT, BOTTOM + 34, "axis", "end"), _text(y_label, 2, 14, "axis")])


def _references(
    references: Sequence[tuple[float, str]], y: Scale, pixels: Sequence[tuple[float, float]]
) -> Iterator[str]:
    """Labels sit on their lines, at the end farther from the points; one that would cover another moves down."""
    lowest = -math.inf
    for value, label in sorted(references, reverse=True):
        lowest = max(y(value) - 5, lowest + 14)
        reach = CHARACTER * len(label) + 8
        room = {
            (place, anchor): min((abs(b - lowest + 4) for a, b in pixels if abs(a - place) < reach), default=math.inf)
            for place, anchor in ((LEFT + 4, "start"), (RIGHT, "end"))
        }
        place, anchor = max(room, key=room.__getitem__)
        yield _line("reference", (LEFT, RIGHT), (y(value), y(value)))
        yield _text(label, place, lowest, "over", anchor)


def _path(line: Line, x: Scale, y: Scale) -> str:
    stride = max(1, math.ceil(len(line.points) / MOST_POINTS))
    steps, pen = [], "M"
    for a, b in [*line.points[:-1][::stride], *line.points[-1:]]:
        if _is_finite(a, b):
            steps.append(f"{pen}{x(a):.1f},{y(b):.1f}")
        pen = "L" if _is_finite(a, b) else "M"
    return f'<path class="line {line.style}" d="{"".join(steps)}"/>'


def _markers(line: Line, x: Scale, y: Scale) -> list[str]:
    return [
        f'<circle class="dot {line.style}" cx="{x(a):.1f}" cy="{y(b):.1f}" r="4"><title>{escape(note)}</title></circle>'
        for (a, b), note in zip(line.points, line.notes, strict=False)
        if _is_finite(a, b)
    ]


def _legend(entries: Sequence[tuple[str, str]], kind: str) -> Iterator[str]:
    """Right of the y label, entry by entry from the right edge."""
    right = float(RIGHT)
    for name, style in reversed(entries):
        shown = name if len(name) <= 12 else f"{name[:11]}…"
        left = right - CHARACTER * len(shown) - 24
        sample = f"M{left:.1f},10h18" if kind == "line" else f"M{left + 6:.1f},5h12v10h-12z"
        yield f'<path class="{kind} {style}" d="{sample}"/>'
        yield _text(shown, left + 24, 14, "legend")
        right = left - 14


def _described(lines: Sequence[Line]) -> str:
    """What a reader who cannot see the lines should know: where they start and end."""
    ends = []
    for line in lines:
        values = [y for x, y in line.points if _is_finite(x, y)]
        ends.append(f"{line.name}: from {values[0]:.4g} to {values[-1]:.4g}" if values else f"{line.name}: no figures")
    return "; ".join(ends)
