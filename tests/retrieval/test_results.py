"""How figures and tables are written."""

import pytest

from kosplade.retrieval.results import (
    cost_cells,
    figure,
    format_table,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.12345, "0.123"),
        (9.9994, "9.999"),
        (10.0, "10.0"),
        (-12.34, "-12.3"),
        (12345.67, "12,345.7"),
        (12345, "12345"),
        (None, "–"),
        (float("nan"), "–"),
        ("0.50", "0.50"),
        (True, "True"),
    ],
)
def test_figures(value, text):
    assert figure(value) == text


def test_a_table_is_markdown_with_numbers_at_the_right():
    rows = [{"system": "bm25", "x": 0.5, "n": 12, "unused": 1}, {"system": "v25", "x": 0.12345}, {"system": "한국어"}]
    # A Hangul syllable is two columns wide.
    assert format_table(rows, ["system", "x", "n"]).split("\n") == [
        "| system   |     x |   n |",
        "|:---------|------:|----:|",
        "| bm25     | 0.500 |  12 |",
        "| v25      | 0.123 |   – |",
        "| 한국어   |     – |   – |",
    ]


def test_costs_by_title():
    cost = {"query_nnz": 1.0, "document_nnz": 2.0, "flops": 3.0, "index_bytes": 4_500_000}
    assert cost_cells(cost) == {"query nnz": 1.0, "document nnz": 2.0, "FLOPS": 3.0, "index MB": 4.5}
    assert set(cost_cells({}).values()) == {None}
