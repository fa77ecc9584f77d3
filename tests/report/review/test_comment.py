"""The comment of a pull request: wording, directions, order, and nothing that breaks a table."""

import pytest

from kosplade.report.review.comment import (
    MOST,
    arrow,
    code,
    comment,
    metric_parts,
    param_table,
    verdict,
)
from kosplade.report.review.outcomes import Outcome


def values(old, new) -> dict:
    return {"old": old, "new": new}


BASIS = {f"basis.{key}": values("a", "a") for key in ("documents", "test", "val")}


def outcome(name: str, passes: bool | None) -> Outcome:
    return Outcome(name, "≥ 1", 1.0, 0.5, passes, "value")


@pytest.mark.parametrize(
    ("metric", "old", "new", "expected"),
    [
        ("test.encoded.ndcg10", 0.7, 0.8, "↑ better"),
        ("test.encoded.ndcg10", 0.7, 0.6, "↓ worse"),
        ("document_nnz", 111.0, 90, "↓ better"),
        ("document_nnz", 111.0, 130.5, "↑ worse"),
        ("loss", 1.0, 2.0, ""),
        ("loss", None, 2.0, "new"),
        ("document_nnz", 2.0, None, "gone"),
        ("document_nnz", "a", "b", ""),
        ("document_nnz", 1.0, 1, ""),
    ],
)
def test_arrows(metric, old, new, expected):
    assert arrow(metric, values(old, new)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a_b", "`a_b`"),
        ("a|b", "`a\\|b`"),
        ("two\nlines", "`two lines`"),
        ("<b>@team</b>", "`<b>@team</b>`"),
        ("a`b", "`` a`b ``"),
        ("``", "``` `` ```"),
    ],
)
def test_code_spans_hold_anything(text, expected):
    assert code(text) == expected


def test_parameters_that_differ():
    diff = {
        "params.yaml": {
            "seed": values(42, 42),
            "teacher.query_prefix": values("query: ", "q|a: "),
            "model.revision": values(None, "main"),
            "loss.idf_weighting": values(True, False),
        },
        "other.yaml": {"x": values(1, 2)},
    }
    lines = [" ".join(line.split()) for line in param_table(diff).splitlines()[2:]]
    assert lines == [
        "| `loss.idf_weighting` | `true` | `false` |",
        '| `model.revision` | – | `"main"` |',
        '| `teacher.query_prefix` | `"query: "` | `"q\\|a: "` |',
        "| `other.yaml:x` | `1` | `2` |",
    ]
    assert param_table({"params.yaml": {"seed": values(42, 42)}}) == "None differs."


def test_the_most_important_first_and_the_tail_folded():
    ndcg = {f"{split}.{system}.ndcg10": values(0.7, 0.8) for split in ("val", "test") for system in ("encoded", "bm25")}
    others = {f"test.encoded.recall{k}": values(0.7, 0.8) for k in range(9)} | {"documents": values(5, 6)}
    diff = {
        "metrics/verify.json": {"loss_last": values(1.0, 2.0)},
        "metrics/sparsity.json": {"document_nnz": values(2.0, 1.0), "semantic_top10": values(1.0, 1.0)},
        "metrics/eval.json": others | ndcg | BASIS,
    }
    parts = metric_parts(diff)
    names = [part.split("\n")[2].split("`")[1] for part in parts if part.startswith("| metric")]
    assert names == ["test.encoded.ndcg10", "test.encoded.recall7", "document_nnz", "loss_last"]
    assert [part for part in parts if not part.startswith("| metric")] == [
        "#### `metrics/eval.json`",
        "<details><summary>6 more</summary>",
        "</details>",
        "#### `metrics/sparsity.json`",
        "<details><summary>metrics/verify.json: 1</summary>",
        "</details>",
    ]
    tail = parts[3].splitlines()[2:]
    assert [line.split("`")[1] for line in tail] == [
        *("test.encoded.recall7", "test.encoded.recall8", "val.encoded.ndcg10"),
        *("test.bm25.ndcg10", "documents", "val.bm25.ndcg10"),
    ]
    assert metric_parts({"metrics/eval.json": {"documents": values(5, 5)}}) == ["None differs."]


def test_what_is_not_comparable_is_said_once_and_called_neither_better_nor_worse():
    figures = {"test.encoded.ndcg10": values(0.7, 0.9), "test.bm25.ndcg10": values(0.6, 0.7), "documents": values(5, 6)}
    first, _, table = metric_parts({"metrics/eval.json": figures | BASIS | {"basis.test": values("a", "b")}})
    assert first == "3 metrics: other queries or judgements: not compared."
    assert table.count("not compared") == 3
    assert "better" not in table
    assert "basis" not in table


def test_a_comment_fits_into_github():
    many = {f"test.kind{i}.encoded.ndcg10": values(0.7, 0.8) for i in range(MOST + 9)}
    text = "\n".join(metric_parts({"metrics/eval_by_kind.json": many, "metrics/eval.json": BASIS}))
    assert text.count("better") == MOST
    assert "9 more: dvc metrics diff" in text
    assert len(text) < 30_000


def test_the_whole_comment():
    metrics = {"metrics/sparsity.json": {"document_nnz": values(110, 90)}, "metrics/eval.json": BASIS}
    text = comment("main", "Base: abc.", [outcome("sparsity.x", False)], {}, metrics)
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "| `sparsity.x` | ≥ 1 | 1.000 | 0.500 | **FAIL** | value |" in lines
    assert "| `document_nnz` | 110 | 90 | -20 | ↓ better |" in lines


def test_verdicts():
    assert verdict([outcome("a", True), outcome("b", True)]) == "**Gates: all 2 pass.**"
    failing = [outcome("a", True), outcome("b", False), outcome("c", False)]
    assert verdict(failing) == "**Gates: 2 of 3 fail: `b`, `c`.**"
    others = [Outcome(name, "", 1, 1, None, "nothing", "another collection: not compared") for name in "bc"]
    said = "**Gates: all 1 pass.** 2 judged by nothing (another collection: not compared)."
    assert verdict([outcome("a", True), *others]) == said
