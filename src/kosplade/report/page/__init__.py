"""Two experiments on one page: a single HTML file that needs no network and no script."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from kosplade.export.card import SYSTEMS, reported_split
from kosplade.files import replacing
from kosplade.report.experiments import Experiment
from kosplade.report.page import tables, tokens
from kosplade.report.page.charts import Bins, Interval, Line, histogram, interval_chart, line_chart
from kosplade.report.page.verdict import STOPWORD_TARGET, WAYS, Verdict, judge

STYLES = ("base", "new")
CURVES = (
    # name of the curve, title, what its y axis counts, levels to compare with
    ("loss", "Loss", "mean of the batches", ()),
    ("infonce_inference_free", "Retrieval term, inference-free queries", "InfoNCE", ()),
    ("infonce_siamese", "Retrieval term, encoded queries", "InfoNCE", ()),
    (
        "stopword_activation",
        "Stopword activation",
        "largest weight of a stopword",
        ((STOPWORD_TARGET, f"target: below {STOPWORD_TARGET}"),),
    ),
    ("document_nnz", "Length of documents", "pieces a document", ()),
    ("semantic_ratio", "Semantic ratio", "semantic over stopword", ()),
)
KINDS = ("semantic", "stopword", "foreign")
PACKAGES = ("torch", "transformers", "tokenizers", "numpy", "dvc", "bm25s", "kiwipiepy")


def render(base: Experiment, new: Experiment) -> str:
    """The page as HTML; every text that comes from data is escaped."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": tables.number, "stretches": tokens.stretches, "expansions": tokens.expansions}
    return environment.get_template("page.html.j2").render(_contents(base, new))


def write_page(base: Experiment, new: Experiment, path: Path) -> None:
    """Write the page to `path`, folders included."""
    with replacing(path) as target:
        target.write_text(render(base, new), encoding="utf-8")


def _contents(base: Experiment, new: Experiment) -> dict[str, Any]:
    pair = list(zip(STYLES, (base, new), strict=True))
    verdict = judge(base, new)
    split = reported_split(new.metrics["eval"])
    stages = [stage for _, one in pair for stage in one.timings or {}]
    return {
        "base": base,
        "new": new,
        "pair": pair,
        "verdict": verdict,
        "verdict_chart": _verdict_chart(verdict, base.name, new.name),
        "queries": f"{new.metrics['eval'][split]['queries']:,} {split} queries",
        "documents": f"{new.metrics['eval']['documents']:,} documents",
        "headlines": tables.headline_rows(base, new),
        "curves": [_curve_chart(curve, pair) for curve in CURVES],
        "weights": [(f"{kind.capitalize()} pieces", _weight_chart(kind, pair)) for kind in KINDS],
        "nnz": _nnz_chart(pair),
        "kinds": tables.kind_rows(base, new),
        "ways": WAYS,
        "baselines": [SYSTEMS[name] for name in tables.baselines_shown(new)],
        "pruning": [(title, _pruning_chart(way, pair)) for way, title in WAYS.items()],
        "cost_titles": tables.COSTS.values(),
        "costs": tables.cost_rows(base, new),
        "stages": list(dict.fromkeys(stages)),
        "views": tokens.token_views(base.texts, new.texts),
        "params": tables.differing_params(base, new),
        "packages": [name for name in PACKAGES if name in base.versions | new.versions],
        "mb": tables.MB,
    }


def _verdict_chart(verdict: Verdict, base: str, new: str) -> Markup:
    others = {"base": base, **SYSTEMS}
    intervals = [
        Interval(
            others[one.against], WAYS[one.way].removesuffix(" queries"), one.difference, one.low, one.high, one.outcome
        )
        for one in verdict.comparisons
    ]
    return interval_chart(intervals, title=f"nDCG@10 of {new} less that of", x_label="difference in nDCG@10")


def _curve_chart(curve: tuple, pair: list[tuple[str, Experiment]]) -> tuple[str, Markup]:
    name, title, y_label, references = curve
    lines = [Line(one.name, style, one.curves.get(name, [])) for style, one in pair]
    return title, line_chart(lines, title=f"{title} by step", x_label="step", y_label=y_label, references=references)


def _weight_chart(kind: str, pair: list[tuple[str, Experiment]]) -> Markup:
    groups = [Bins(one.name, style, one.pieces["weights"]["edges"], one.pieces["weights"][kind]) for style, one in pair]
    return histogram(groups, title=f"Weights of {kind} pieces", x_label="weight", y_label="non-zero weights")


def _nnz_chart(pair: list[tuple[str, Experiment]]) -> Markup:
    groups = [Bins(one.name, style, one.pieces["nnz"]["edges"], one.pieces["nnz"]["counts"]) for style, one in pair]
    return histogram(groups, title="Documents by length", x_label="pieces a document", y_label="documents")


def _pruning_chart(way: str, pair: list[tuple[str, Experiment]]) -> Markup:
    lines = [
        Line(
            one.name,
            style,
            [(row["index_bytes"] / tables.MB, row[way]) for row in one.pruning],
            [
                f"{one.name}, weights below {row['max_ratio']:.0%} of the largest dropped: {row[way]:.3f}, "
                f"{row['index_bytes'] / tables.MB:.2f} MB, {row['document_nnz']:.0f} pieces a document"
                for row in one.pruning
            ],
        )
        for style, one in pair
    ]
    new = pair[-1][1].metrics["eval"]
    figures = new[reported_split(new)]
    return line_chart(
        lines,
        title=f"nDCG@10 by index size, {WAYS[way]}",
        x_label="index, MB",
        y_label="nDCG@10",
        references=[(figures[name]["ndcg10"], SYSTEMS[name]) for name in ("bm25", "bm25_kiwi") if name in figures],
        from_zero=False,
        markers=True,
    )
