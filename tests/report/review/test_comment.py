"""The comment of a pull request: wording, directions, order, and nothing that breaks a table."""

import pytest

from kosplade.report.review.comment import MOST, SHOWN, code, comment, metric_parts, param_table, verdict
from kosplade.report.review.outcomes import Outcome


def values(old, new) -> dict:
    return {"old": old, "new": new}


BASIS = {f"basis.{key}": values("a", "a") for key in ("documents", "test", "val")}


def outcome(name: str, passes: bool | None) -> Outcome:
    return Outcome(name, "≥ 1", 1.0, 0.5, passes, "value")


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


def shown(table: str) -> list[str]:
    return [line.split("`")[1] for line in table.splitlines()[2:]]


def test_the_most_important_first_and_the_tail_folded():
    ndcg = {f"{split}.{system}.ndcg10": values(0.7, 0.8) for split in ("val", "test") for system in ("encoded", "bm25")}
    others = {f"test.encoded.recall{k}": values(0.7, 0.8) for k in range(SHOWN)} | {"documents": values(5, 6)}
    diff = {
        "metrics/verify.json": {"loss_last": values(1.0, 2.0)},
        "metrics/sparsity.json": {"document_nnz": values(2.0, 1.0), "semantic_top10": values(1.0, 1.0)},
        "metrics/eval.json": others | ndcg | BASIS,
    }
    first, summary, tail, end = metric_parts(diff)
    recall = sorted(f"eval.test.encoded.recall{k}" for k in range(SHOWN))
    assert shown(first) == ["eval.test.encoded.ndcg10", "sparsity.document_nnz", *recall[:-2]]
    assert (summary, end) == ("<details><summary>7 more</summary>", "</details>")
    assert shown(tail) == [
        *recall[-2:],
        "eval.val.encoded.ndcg10",
        *("eval.test.bm25.ndcg10", "eval.documents", "eval.val.bm25.ndcg10", "verify.loss_last"),
    ]
    assert metric_parts({"metrics/eval.json": {"documents": values(5, 5)}}) == ["None differs."]


def test_what_is_not_comparable_is_said_once_and_called_neither_better_nor_worse():
    figures = {"test.encoded.ndcg10": values(0.7, 0.9), "test.bm25.ndcg10": values(0.6, 0.7), "documents": values(5, 6)}
    first, table = metric_parts({"metrics/eval.json": figures | BASIS | {"basis.test": values("a", "b")}})
    assert first == "3 metrics: other queries or judgements: not compared."
    assert table.count("not compared") == 3
    assert "better" not in table
    assert "basis" not in table


def test_a_comment_fits_into_github():
    many = {f"test.kind{i}.encoded.ndcg10": values(0.7, 0.8) for i in range(MOST + 9)}
    text = "\n".join(metric_parts({"metrics/eval_by_kind.json": many, "metrics/eval.json": BASIS}))
    assert text.count("better") == MOST
    assert f"{MOST - SHOWN} more (and 9 that `dvc metrics diff` shows)" in text
    assert len(text) < 30_000


def test_the_whole_comment():
    metrics = {"metrics/sparsity.json": {"document_nnz": values(110, 90)}, "metrics/eval.json": BASIS}
    text = comment("main", "Base: abc.", [outcome("sparsity.x", False)], {}, metrics)
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "| `sparsity.x` | ≥ 1 | 1.000 | 0.500 | **FAIL** | value |" in lines
    assert "| `sparsity.document_nnz` | 110 | 90 | \N{MINUS SIGN}20 | ▼ better |" in lines


def test_verdicts():
    assert verdict([outcome("a", True), outcome("b", True)]) == "**Gates: all 2 pass.**"
    failing = [outcome("a", True), outcome("b", False), outcome("c", False)]
    assert verdict(failing) == "**Gates: 2 of 3 fail: `b`, `c`.**"
    others = [Outcome(name, "", 1, 1, None, "nothing", "another collection: not compared") for name in "bc"]
    said = "**Gates: all 1 pass.** 2 judged by nothing (another collection: not compared)."
    assert verdict([outcome("a", True), *others]) == said
