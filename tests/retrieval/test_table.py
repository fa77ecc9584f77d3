"""The plain-text table."""

from kosplade.retrieval.table import format_table


def test_alignment_digits_and_missing_values():
    rows = [
        {"system": "bm25", "ndcg10": 0.5, "queries": 12, "unused": 1},
        {"system": "v25", "ndcg10": 0.12345, "queries": None},
        {"system": "한국어"},
    ]
    # A Hangul syllable is two columns wide.
    assert format_table(rows, ["system", "ndcg10", "queries"]).split("\n") == [
        "| system | ndcg10 | queries |",
        "| ------ | -----: | ------: |",
        "| bm25   |  0.500 |      12 |",
        "| v25    |  0.123 |       - |",
        "| 한국어 |      - |       - |",
    ]


def test_columns_that_are_not_all_numbers_are_left_aligned():
    assert format_table([{"a": "xxxx", "b": True}, {"a": 1, "b": 2}], ["a", "b"]).split("\n") == [
        "| a    | b    |",
        "| ---- | ---- |",
        "| xxxx | True |",
        "| 1    | 2    |",
    ]


def test_no_rows():
    assert format_table([], ["a"]) == "| a   |\n| --- |"
