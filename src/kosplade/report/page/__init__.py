"""Two experiments on one page: a single HTML file that needs no network and no script."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from kosplade.files import replacing
from kosplade.report.experiments import Experiment
from kosplade.report.figures import BASELINES, SYSTEMS, WAYS, signed
from kosplade.report.gates import Gates, limit_text
from kosplade.report.page import beside, tokens
from kosplade.report.page.charts import Bins, Line, histogram, line_chart
from kosplade.report.page.headline import Comparison, judge, p_text
from kosplade.report.page.scales import Scale
from kosplade.report.rendering import render
from kosplade.retrieval.results import COSTS

STYLES = ("base", "new")
CURVES = {
    # name of the curve: title, what its y axis counts, what to see
    "loss": ("Loss", "mean of the batches", "Falls and flattens; the penalty on weights warms up and may lift it."),
    "infonce_inference_free": (
        "Retrieval term, inference-free queries",
        "InfoNCE, nats",
        "Lower: the tokenizer alone finds a query's document among the batch's.",
    ),
    "infonce_encoded": ("Retrieval term, encoded queries", "InfoNCE, nats", "Lower: so does the encoder, and better."),
    "stopword_activation": (
        "Stopword activation",
        "largest weight of a stopword",
        "Should end below the dotted limit.",
    ),
    "document_nnz": ("Length of documents", "pieces a document", "Fewer pieces make a smaller and faster index."),
    "semantic_ratio": ("Semantic ratio", "semantic over stopword", "Higher: weight moves from grammar to meaning."),
}
LIMITED = "stopword_activation"  # the curve that shows the limit of the final figure: it is of the same size
KINDS = {  # and what to see
    "semantic": "Words of meaning keep their weight: bars far to the right.",
    "stopword": "Particles and endings cost room and find nothing: fewer bars, further left.",
    "foreign": "Neither do pieces of other scripts: fewer bars, further left.",
}
PACKAGES = ("torch", "transformers", "tokenizers", "numpy", "dvc", "bm25s", "kiwipiepy")
MB = 1_000_000

Pair = list[tuple[str, Experiment]]


def html(base: Experiment, new: Experiment, gates: Gates) -> str:
    """The page; every text that comes from data is escaped."""
    return render("page.html.j2", **_contents(base, new, gates))


def write_page(base: Experiment, new: Experiment, gates: Gates, path: Path) -> None:
    """Write the page to `path`, folders included."""
    with replacing(path) as target:
        target.write_text(html(base, new, gates), encoding="utf-8")


def _contents(base: Experiment, new: Experiment, gates: Gates) -> dict[str, Any]:
    pair = list(zip(STYLES, (base, new), strict=True))
    verdict = judge(base, new, gates)
    evaluated = new.metrics["eval"]
    return {
        "base": base,
        "new": new,
        "pair": pair,
        "verdict": verdict,
        "compared": {"base": base.name} | {name: SYSTEMS[name] for name in BASELINES},
        "interval": _interval_scale(verdict.comparisons),
        "queries": f"{evaluated[new.split]['queries']:,} {new.split} queries",
        "documents": f"{evaluated['documents']:,} documents",
        "headlines": beside.headline_rows(base, new, gates),
        "curves": [(title, _curve_chart(name, pair, gates), see) for name, (title, _, see) in CURVES.items()],
        "weights": [(f"{kind.capitalize()} pieces", _bins("weights", kind, pair), see) for kind, see in KINDS.items()],
        "nnz": _bins("nnz", "counts", pair),
        "kinds": beside.kind_rows(base, new),
        "ways": WAYS,
        "baselines": [SYSTEMS[name] for name in beside.baselines_shown(new)],
        "pruning": [(title, _pruning_chart(way, pair)) for way, title in WAYS.items()],
        "cost_titles": COSTS.values(),
        "costs": beside.cost_rows(base, new),
        "stages": list(base.timings | new.timings),
        "stretches": tokens.stretches,
        "signed": signed,
        "p_text": p_text,
        "views": tokens.token_views(base.texts, new.texts),
        "params": beside.differing_params(base, new),
        "packages": [name for name in PACKAGES if name in base.versions | new.versions],
        "mb": MB,
    }


def _interval_scale(comparisons: Sequence[Comparison]) -> Scale:
    """Percents of the width for differences: all intervals and 0 have a place."""
    ends = [0.0, *(one.low for one in comparisons), *(one.high for one in comparisons)]
    return Scale(min(ends), max(*ends, min(ends) + 1e-3), 0, 100)


def _curve_chart(name: str, pair: Pair, gates: Gates) -> Markup:
    title, y_label, _ = CURVES[name]
    bounds = gates.bounds("sparsity", name) if name == LIMITED else {}
    lines = [Line(one.name, style, one.curves.get(name, [])) for style, one in pair]
    references = [(limit, f"limit: {limit_text({word: limit})}") for word, limit in bounds.items()]
    return line_chart(lines, title=f"{title} by step", x_label="step", y_label=y_label, references=references)


def _bins(what: str, counts: str, pair: Pair) -> Markup:
    groups = [Bins(one.name, style, one.pieces[what]["edges"], one.pieces[what][counts]) for style, one in pair]
    if what == "nnz":
        return histogram(groups, title="Documents by length", x_label="pieces a document", y_label="documents")
    return histogram(groups, title=f"Weights of {counts} pieces", x_label="weight", y_label="non-zero weights")


def _pruning_chart(way: str, pair: Pair) -> Markup:
    lines = [
        Line(one.name, style, [(row["index_bytes"] / MB, row[way]) for row in one.pruning], has_dots=True)
        for style, one in pair
    ]
    _, new = pair[-1]
    figures = new.metrics["eval"][new.split]
    return line_chart(
        lines,
        title=f"nDCG@10 by index size, {WAYS[way]}",
        x_label="index, MB",
        y_label="nDCG@10",
        references=[(figures[name]["ndcg10"], SYSTEMS[name]) for name in ("bm25", "bm25_kiwi") if name in figures],
        from_zero=False,
    )
