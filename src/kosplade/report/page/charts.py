"""Charts as inline SVG: lines, histograms, intervals. Colours are CSS classes, so that light and dark cost nothing.

A chart is WIDTH units wide and scales with its place on the page. Values that are not finite are gaps, never errors.
"""

import math
from collections.abc import Iterable, Sequence
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
    """(x, y) points in order; `style` is "base" or "new"; `notes`, if any, are the tooltips of the points."""

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
    markers: bool = False,
) -> Markup:
    """Lines in one frame; `references` are labelled horizontal lines, `markers` sets a dot on each point.

    The x axis starts at 0 and ends at the last point; the y axis starts at 0 unless `from_zero` is false.
    """
    finite = [point for line in lines for point in line.points if _is_finite(*point)]
    if not finite:
        return _empty(title)
    levels = [y for _, y in finite] + [value for value, _ in references]
    x = Scale(0, (max(x for x, _ in finite) or 1) * (1.03 if markers else 1), LEFT, RIGHT)
    x_ticks = [tick for tick in nice_ticks(x.low, x.high) if tick <= x.high]
    y_ticks = nice_ticks(min(levels + [0.0] * from_zero), max(levels))
    y = Scale(y_ticks[0], y_ticks[-1], BOTTOM, TOP)
    parts = [_axes(x, y, x_ticks, y_ticks, x_label, y_label)]
    for line in lines:
        parts.append(_path(line, x, y))
        if markers:
            parts.append(_markers(line, x, y))
    pixels = [(x(a), y(b)) for a, b in finite]
    parts.append(_references(references, y, pixels))
    parts.append(_legend([(line.name, line.style) for line in lines], "line"))
    return _svg(f"{title}. {_described(lines)}", parts)


def histogram(groups: Sequence[Bins], *, title: str, x_label: str, y_label: str) -> Markup:
    """Counts from 0, the groups' bars side by side in each bin."""
    groups = [group for group in groups if group.counts]
    counts = [count for group in groups for count in group.counts if _is_finite(count)]
    if not counts:
        return _empty(title)
    edges = [edge for group in groups for edge in group.edges]
    x_ticks, y_ticks = nice_ticks(min(edges), max(edges), 6), nice_ticks(0, max(counts))
    x, y = Scale(x_ticks[0], x_ticks[-1], LEFT, RIGHT), Scale(y_ticks[0], y_ticks[-1], BOTTOM, TOP)
    parts = [_axes(x, y, x_ticks, y_ticks, x_label, y_label)]
    for place, group in enumerate(groups):
        for left, right, count in zip(group.edges, group.edges[1:], group.counts, strict=False):
            if count and _is_finite(count):
                width = (x(right) - x(left)) * 0.9 / len(groups)
                note = f"{group.name}: {count:,} between {left:g} and {right:g}"
                parts.append(
                    f'<rect class="bar {group.style}" x="{x(left) + place * width:.1f}" y="{y(count):.1f}" '
                    f'width="{width:.1f}" height="{BOTTOM - y(count):.1f}"><title>{escape(note)}</title></rect>'
                )
    parts.append(_legend([(group.name, group.style) for group in groups], "bar"))
    totals = "; ".join(f"{group.name}: {sum(group.counts):,} in all" for group in groups)
    return _svg(f"{title}. {totals}", parts)


def interval_chart(intervals: Sequence[Interval], *, title: str, x_label: str) -> Markup:
    """One row for each difference: label, dot and interval on a common scale in which 0 is marked."""
    finite = [one for one in intervals if _is_finite(one.low, one.value, one.high)]
    if not finite:
        return _empty(title)
    ticks = nice_ticks(min(0.0, *(one.low for one in finite)), max(0.0, *(one.high for one in finite)), 3)
    x = Scale(ticks[0], ticks[-1], NAMES + 14, RIGHT - 14)
    rows, line = [], 0.0
    for group, members in groupby(finite, key=lambda one: one.group):
        line += ROW
        rows.append(f'<text class="label" x="0" y="{line - 2:g}">{escape(group)}</text>')
        for one in members:
            line += ROW - 2
            ends = f'x1="{x(one.low):.1f}" x2="{x(one.high):.1f}" y1="{line - 6:g}" y2="{line - 6:g}"'
            rows.append(f'<text x="{NAMES}" y="{line - 2:g}" text-anchor="end">{escape(one.label)}</text>')
            rows.append(f'<line class="interval {one.style}" {ends}/>')
            rows.append(f'<circle class="dot {one.style}" cx="{x(one.value):.1f}" cy="{line - 6:g}" r="4"/>')
        line += 8
    frame = []
    for tick, label in zip(ticks, tick_labels(ticks), strict=True):
        kind = "zero" if tick == 0 else "grid"
        frame.append(f'<line class="{kind}" x1="{x(tick):.1f}" x2="{x(tick):.1f}" y1="{ROW}" y2="{line:g}"/>')
        frame.append(f'<text x="{x(tick):.1f}" y="{line + 15:g}" text-anchor="middle">{label}</text>')
    frame.append(f'<text class="axis" x="{RIGHT}" y="{line + 32:g}" text-anchor="end">{escape(x_label)}</text>')
    described = "; ".join(
        f"{one.group}, {one.label}: {one.value:+.3f} ({one.low:+.3f} to {one.high:+.3f})" for one in finite
    )
    return _svg(f"{title}. {described}", [*frame, *rows], line + 38)


def _is_finite(*values: float) -> bool:
    return all(math.isfinite(value) for value in values)


def _svg(title: str, parts: Iterable[str], height: float = HEIGHT) -> Markup:
    # Every text in the parts was escaped where it entered.
    label = escape(title)
    return Markup(f'<svg viewBox="0 0 {WIDTH} {height:g}" role="img" aria-label="{label}">{"".join(parts)}</svg>')


def _empty(title: str) -> Markup:
    frame = f'<rect class="nothing" x="1" y="1" width="{WIDTH - 2}" height="78" rx="6"/>'
    text = f'<text x="{WIDTH / 2:g}" y="44" text-anchor="middle">no figures</text>'
    return _svg(f"{title}. No figures.", [frame, text], 80)


def _axes(x: Scale, y: Scale, x_ticks: Sequence[float], y_ticks: Sequence[float], x_label: str, y_label: str) -> str:
    parts = []
    for tick, label in zip(y_ticks, tick_labels(y_ticks), strict=True):
        kind = "base-line" if tick == y_ticks[0] else "grid"
        parts.append(f'<line class="{kind}" x1="{LEFT}" x2="{RIGHT}" y1="{y(tick):.1f}" y2="{y(tick):.1f}"/>')
        parts.append(f'<text x="{LEFT - 7}" y="{y(tick) + 4:.1f}" text-anchor="end">{label}</text>')
    for tick, label in zip(x_ticks, tick_labels(x_ticks), strict=True):
        anchor = "end" if x(tick) > RIGHT - 12 else "middle"
        parts.append(f'<text x="{x(tick):.1f}" y="{BOTTOM + 17}" text-anchor="{anchor}">{label}</text>')
    parts.append(f'<text class="axis" x="{RIGHT}" y="{BOTTOM + 34}" text-anchor="end">{escape(x_label)}</text>')
    parts.append(f'<text class="axis" x="2" y="14">{escape(y_label)}</text>')
    return "".join(parts)


def _references(references: Sequence[tuple[float, str]], y: Scale, pixels: Sequence[tuple[float, float]]) -> str:
    """Labels sit on their lines, at the end farther from the points; one that would cover another moves down."""
    parts, lowest = [], -math.inf
    for value, label in sorted(references, reverse=True):
        lowest = baseline = max(y(value) - 5, lowest + 14)
        reach = CHARACTER * len(label) + 8
        room = {
            side: min((abs(b - baseline + 4) for a, b in pixels if abs(a - edge) < reach), default=math.inf)
            for side, edge in (("start", LEFT + 4), ("end", RIGHT))
        }
        side = max(room, key=room.__getitem__)
        place = LEFT + 4 if side == "start" else RIGHT
        parts.append(f'<line class="reference" x1="{LEFT}" x2="{RIGHT}" y1="{y(value):.1f}" y2="{y(value):.1f}"/>')
        parts.append(f'<text class="over" x="{place}" y="{baseline:.1f}" text-anchor="{side}">{escape(label)}</text>')
    return "".join(parts)


def _path(line: Line, x: Scale, y: Scale) -> str:
    stride = max(1, math.ceil(len(line.points) / MOST_POINTS))
    points = [*line.points[:-1][::stride], *line.points[-1:]]
    steps, pen = [], "M"
    for point in points:
        if _is_finite(*point):
            steps.append(f"{pen}{x(point[0]):.1f},{y(point[1]):.1f}")
        pen = "L" if _is_finite(*point) else "M"
    return f'<path class="line {line.style}" d="{"".join(steps)}"/>'


def _markers(line: Line, x: Scale, y: Scale) -> str:
    notes = line.notes or [f"{line.name}: {a:g}, {b:g}" for a, b in line.points]
    return "".join(
        f'<circle class="dot {line.style}" cx="{x(a):.1f}" cy="{y(b):.1f}" r="4"><title>{escape(note)}</title></circle>'
        for (a, b), note in zip(line.points, notes, strict=True)
        if _is_finite(a, b)
    )


def _legend(entries: Sequence[tuple[str, str]], kind: str) -> str:
    """Right of the y label, entry by entry from the right edge."""
    parts, right = [], float(RIGHT)
    for name, style in reversed(entries):
        shown = name if len(name) <= 12 else f"{name[:11]}…"
        left = right - CHARACTER * len(shown) - 24
        sample = f"M{left:.1f},10h18" if kind == "line" else f"M{left + 6:.1f},5h12v10h-12z"
        parts.append(f'<path class="{kind} {style}" d="{sample}"/>')
        parts.append(f'<text class="legend" x="{left + 24:.1f}" y="14">{escape(shown)}</text>')
        right = left - 14
    return "".join(parts)


def _described(lines: Sequence[Line]) -> str:
    """What a reader who cannot see the lines should know: where they start and end."""
    ends = []
    for line in lines:
        values = [y for x, y in line.points if _is_finite(x, y)]
        ends.append(f"{line.name}: from {values[0]:.4g} to {values[-1]:.4g}" if values else f"{line.name}: no figures")
    return "; ".join(ends)
