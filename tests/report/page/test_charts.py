"""Charts by value: where points fall, which ticks an axis has, what happens without figures."""

import math
import re
from xml.etree import ElementTree

import pytest

from kosplade.report.page.charts import Bins, Line, histogram, line_chart
from kosplade.report.page.scales import nice_ticks, tick_labels

LABELS = {"title": "Loss by step", "x_label": "step", "y_label": "loss"}
LEFT, RIGHT, TOP, BOTTOM = 40, 334, 32, 172  # of the plot area


def parsed(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)


def found(svg: str, tag: str, style: str) -> list[ElementTree.Element]:
    """Elements with a class, e.g. ("rect", "new")."""
    return [one for one in parsed(svg).iter(tag) if style in one.get("class", "").split()]


def path_of(svg: str, style: str) -> str:
    return found(svg, "path", style)[0].get("d")


def points(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"[ML]([\d.-]+),([\d.-]+)", path)]


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0, 1, [0, 0.5, 1]),
        (0, 2.13, [0, 1, 2, 3]),
        (0, 520, [0, 200, 400, 600]),
        (0.45, 0.61, [0.45, 0.5, 0.55, 0.6, 0.65]),
        (-0.09, 0.09, [-0.1, -0.05, 0, 0.05, 0.1]),
        (0, 0, [0, 0.5, 1]),
        (3, 3, [2.5, 3, 3.5]),
        (0, 1e-6, [0, 5e-7, 1e-6]),
    ],
)
def test_ticks_are_nice_numbers_that_enclose_the_values(low, high, ticks):
    assert nice_ticks(low, high) == pytest.approx(ticks)


def test_ticks_have_the_decimals_of_their_step():
    assert [*tick_labels([0.0, 0.05]), *tick_labels([-2000.0, 0.0])] == ["0.00", "0.05", "\N{MINUS SIGN}2,000", "0"]


def test_points_fall_where_the_axes_say():
    svg = line_chart([Line("v25", "new", [(0, 0), (50, 1), (100, 3)])], **LABELS)
    middle = (LEFT + RIGHT) / 2
    expected = [(LEFT, BOTTOM), (middle, round(BOTTOM - 140 / 3, 1)), (RIGHT, TOP)]
    assert points(path_of(svg, "new")) == expected
    assert [one.text for one in parsed(svg).iter("text")][:4] == ["0", "1", "2", "3"]


def test_every_series_has_its_line_and_its_ends_in_words():
    svg = line_chart([Line("v24", "base", [(1, 2), (2, 1)]), Line("v25", "new", [(1, 1), (2, 2)])], **LABELS)
    assert len(found(svg, "path", "base")) == len(found(svg, "path", "new")) == 1
    assert parsed(svg).get("aria-label") == "Loss by step. v24: from 2 to 1; v25: from 1 to 2"
    assert parsed(svg).get("role") == "img"


@pytest.mark.parametrize("broken", [math.nan, math.inf])
def test_a_line_breaks_where_a_value_is_not_finite(broken):
    gap = [(0, 1), (1, 1), (2, broken), (3, 1), (4, 1)]
    svg = line_chart([Line("v24", "base", [(1, broken)]), Line("v25", "new", gap)], **LABELS)
    assert re.findall("[A-Za-z]+", path_of(svg, "new")) == ["M", "L", "M", "L"]
    assert path_of(svg, "base") == ""


@pytest.mark.parametrize(
    "svg",
    [
        line_chart([], **LABELS),
        line_chart([Line("v25", "new", [(1, math.nan)])], **LABELS),
        histogram([Bins("v25", "new", [], [])], **LABELS),
    ],
)
def test_a_chart_without_figures_says_so(svg):
    assert [one.text for one in parsed(svg).iter("text")] == ["no figures"]
    assert parsed(svg).get("aria-label") == "Loss by step. No figures."


@pytest.mark.parametrize("point", [(0, 0), (1, 0), (5, 5)])
def test_a_single_point_is_no_error(point):
    svg = line_chart([Line("v25", "new", [point], has_dots=True)], **LABELS)
    assert len(points(path_of(svg, "new"))) == 1
    assert len(found(svg, "circle", "new")) == 1


def test_a_long_line_is_thinned_and_keeps_its_ends():
    path = path_of(line_chart([Line("v25", "new", [(step, step) for step in range(100_000)])], **LABELS), "new")
    thinned = points(path)
    assert 250 <= len(thinned) <= 502
    assert thinned[0] == (LEFT, BOTTOM)
    assert thinned[-1] == (RIGHT, TOP)


def test_dots_lie_on_the_points():
    svg = line_chart([Line("v25", "new", [(2, 0.5), (4, 0.6)], has_dots=True)], **LABELS, from_zero=False)
    first, last = found(svg, "circle", "new")
    assert (float(first.get("cy")), float(last.get("cy"))) == (BOTTOM, TOP)
    assert float(last.get("cx")) == pytest.approx(LEFT + (RIGHT - LEFT) / 1.03, abs=0.1)


def test_references_are_inside_the_axis_and_their_labels_apart():
    levels = [(0.66, "BM25, same pieces"), (0.665, "BM25, Kiwi morphemes")]
    svg = line_chart([Line("v25", "new", [(1, 0.7)])], **LABELS, references=levels, from_zero=False)
    assert all(TOP <= float(one.get("y1")) <= BOTTOM for one in found(svg, "line", "reference"))
    upper, lower = found(svg, "text", "over")
    assert (upper.text, lower.text) == ("BM25, Kiwi morphemes", "BM25, same pieces")
    assert float(lower.get("y")) - float(upper.get("y")) >= 14


def test_bars_stand_side_by_side_on_their_bins():
    edges = [0, 1, 2]
    svg = histogram([Bins("v24", "base", edges, [4, 0]), Bins("v25", "new", edges, [2, 4])], **LABELS)
    width = (RIGHT - LEFT) / 2 * 0.9 / 2
    (base,) = found(svg, "rect", "base")
    first, second = found(svg, "rect", "new")
    assert (float(base.get("x")), float(base.get("y")), float(base.get("height"))) == (LEFT, TOP, BOTTOM - TOP)
    assert float(base.get("width")) == pytest.approx(width, abs=0.1)
    assert float(first.get("x")) == pytest.approx(LEFT + width, abs=0.1)
    assert float(first.get("height")) == (BOTTOM - TOP) / 2
    assert float(second.get("x")) == pytest.approx((LEFT + RIGHT) / 2 + width, abs=0.1)
    assert second.find("title").text == "v25: 4 between 1 and 2"


def test_histograms_of_different_edges_share_an_axis():
    svg = histogram([Bins("v24", "base", [0, 1], [1]), Bins("v25", "new", [0, 2, 4], [1, 1])], **LABELS)
    assert float(found(svg, "rect", "base")[0].get("width")) == pytest.approx((RIGHT - LEFT) / 4 * 0.45, abs=0.1)
    assert float(found(svg, "rect", "new")[1].get("width")) == pytest.approx((RIGHT - LEFT) / 2 * 0.45, abs=0.1)


def test_texts_are_escaped():
    name = '<script>"&'
    svgs = [
        line_chart([Line(name, "new", [(0, 1)])], title=name, x_label=name, y_label=name),
        histogram([Bins(name, "new", [0, 1], [1])], title=name, x_label=name, y_label=name),
    ]
    for svg in svgs:
        assert "<script" not in svg
        assert parsed(svg).get("aria-label").startswith(name)
