"""The page: what it says, in which order, and that nothing in the data can break it."""

import dataclasses
import re

import pytest
from report.conftest import GATES, make, on

from kosplade.report import page as pages
from kosplade.report.experiments import Experiment
from kosplade.report.page.tables import differing_params, headline_rows
from kosplade.retrieval.kinds import ndcg_by_kind

SECTIONS = [
    *("verdict", "figures", "training", "sparsity", "kinds", "pruning", "cost", "tokens", "examples", "provenance")
]
EVIL = "<script>alert('질문')</script>"


def render(base: Experiment, new: Experiment) -> str:
    return pages.render(base, new, GATES)


@pytest.fixture(scope="module")
def page(base, new) -> str:
    return render(base, new)


def text_of(html: str) -> str:
    """What a reader reads, tags as blanks."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html.split("</style>")[1]))


def section(html: str, name: str) -> str:
    return re.search(rf'<section id="{name}".*?</section>', html, re.DOTALL).group()


def test_the_sections_follow_the_order_of_the_argument(page):
    assert re.findall(r'<section id="(\w+)"', page) == SECTIONS
    assert re.findall(r'<a href="#(\w+)"', page) == SECTIONS[1:]
    assert page.count("<h1>") == 1


def test_every_table_has_a_caption_and_every_chart_a_label(page):
    assert page.count("<table") == page.count("<caption")
    labels = re.findall(r'<svg [^>]*aria-label="([^"]+)"', page)
    assert len(labels) == page.count("<svg") == 13
    assert all(label for label in labels)


def test_the_page_is_one_small_file_without_script_or_address(page):
    assert len(page.encode()) < 2_000_000
    assert "<script" not in page
    assert not re.search(r"https?://|//\w|@import|url\(|\ssrc=", page)


def test_equal_data_gives_an_equal_page(page):
    again = render(make("v24", gain=-0.03, stopwords=1.0, seed=24), make("v25", gain=0.03, stopwords=0.0, seed=25))
    assert again == page


def test_the_verdict_stands_before_everything_else(page):
    body = text_of(page)
    assert (
        body.index("v25 is better than v24.") < body.index("Stopword activation falls") < body.index("Figures beside")
    )


def test_headline_figures_know_which_way_is_better(page):
    rows = re.findall(r"<tr>.*?</tr>", section(page, "figures"), re.DOTALL)
    row = {text.split("  ")[0]: text for text in (re.sub("<[^>]+>", " ", one).strip() for one in rows)}
    stopwords = next(text for title, text in row.items() if title.startswith("stopword activation"))
    assert re.search(r"1\.740.*breaks.*0\.240.*keeps.*\N{MINUS SIGN}1\.500.*▼ better.*&lt; 0\.5", stopwords, re.DOTALL)
    length = next(text for title, text in row.items() if title.startswith("pieces a document"))
    assert re.search(r"68\.0.*110\.0.*\+42\.0.*▲ worse", length, re.DOTALL)
    baseline = next(text for title, text in row.items() if "Kiwi" in title)
    assert "equal" in baseline


def test_a_loss_in_the_headline_figures_is_called_worse(base, new):
    rows = {row["title"]: row for row in headline_rows(new, base, GATES)}
    assert rows["nDCG@10, inference-free queries"]["outcome"] == "worse"
    assert rows["stopword activation"]["outcome"] == "worse"
    assert [cell["met"] for cell in rows["stopword activation"]["cells"]] == [True, False]


def test_figures_of_another_collection_are_neither_better_nor_worse(base, new):
    rows = {row["title"]: row for row in headline_rows(base, on(new, bm25="k1 1.5", sample=50), GATES)}
    other = {title for title, row in rows.items() if row["outcome"] == "not compared"}
    sparsity = {"semantic pieces in the top 10", "stopword activation", "semantic ratio", "foreign activation"}
    assert other == sparsity | {"nDCG@10, BM25, same pieces", "pieces a document"}
    assert not any(rows[title]["change"] for title in other)


def test_the_table_by_kind_shows_every_system_with_its_interval(page, new):
    rows = re.findall(r"<tr>.*?</tr>", section(page, "kinds"), re.DOTALL)[2:]
    assert [re.search(r'<th scope="row">([\w-]+)', row).group(1) for row in rows][:2] == ["all", "question"]
    assert all(row.count('class="track"') == 7 for row in rows)
    figures = new.metrics["eval_by_kind"]["test"]["keyword"]["encoded"]
    keyword = next(row for row in rows if "keyword" in row)
    assert f"{figures['ndcg10']:.3f}" in keyword
    assert f"{figures['low']:.3f}–{figures['high']:.3f}" in keyword


def test_the_intervals_of_the_stage_eval_fit_the_table(base, new):
    """The shape that `retrieval.kinds` writes, with a query of no kind."""
    values = {name: {"q1": 0.5, "q2": 1.0} for name in ("inference_free", "encoded", "bm25")}
    kinds = {"test": ndcg_by_kind(values, ["q1", "q2"], ["keyword", None], seed=0)}
    html = render(base, dataclasses.replace(new, metrics=new.metrics | {"eval_by_kind": kinds}))
    assert "unknown" in section(html, "kinds")


def test_the_tokens_are_shaded_by_their_share_of_the_largest_weight(base, new):
    own = [{"piece": "▁환불", "start": 0, "end": 2, "weight": 1.0, "kind": "semantic"}]
    top = [{"piece": "▁반환", "weight": 2.0, "kind": "foreign", "in_text": False}]
    view = {"text": "환불은", "own": own, "top": top}
    html = section(render(base, dataclasses.replace(new, texts=[view])), "tokens")
    assert 'class="shade semantic" style="--w:0.50" title="▁환불 1.00, semantic">환불</span>은</p>' in html
    assert re.search(r'class="chip foreign">.*반환</bdi><b>2\.00</b><span class="sr"> foreign', html)
    assert "This text is not among those of v24." in html


def test_winners_and_losers_name_ranks_and_the_pieces_that_decided(page, new):
    html = section(page, "examples")
    assert html.count("<details>") == 9
    winner = new.examples["winners"][0]
    assert f"rank {winner['relevant']['rank']} (BM25: {winner['relevant']['baseline_rank'] or 'none'})" in html
    first = winner["relevant"]["pieces"][0]
    assert f"{first['query_weight']:.2f} × {first['document_weight']:.2f}" in html
    assert html.count("Ranked first instead") == 4


def test_what_is_not_there_is_said(base, new):
    view = {"text": "환불", "own": [], "top": [{"piece": "▁환불", "weight": 2.0, "kind": "semantic", "in_text": True}]}
    loser = new.examples["losers"][0]
    silent = loser | {"relevant": loser["relevant"] | {"pieces": []}, "first": None}
    poor = dataclasses.replace(new, texts=[view], examples={"winners": [], "losers": [silent]})
    html = render(base, poor)
    assert "No expansion among its 1 heaviest" in html
    assert section(html, "examples").count(">None.<") == 1
    assert "no piece in common" in html


def test_only_parameters_that_differ_are_listed(base, new):
    assert differing_params(base, new) == [("version", "v24", "v25"), ("loss.idf_weighting", "false", "true")]
    assert "both have the same params.yaml" in render(base, dataclasses.replace(new, params=base.params))


def test_a_parameter_that_one_of_them_does_not_know(base, new):
    older = dataclasses.replace(
        base, params={"version": "v25", "seed": 42, "train": {"learning_rate": 1e-05, "bf16": None}}
    )
    rows = differing_params(older, dataclasses.replace(new, params={"version": "v25", "seed": 42}))
    assert rows == [("train.learning_rate", "1e-05", "–"), ("train.bf16", "null", "–")]


def test_provenance_names_commits_and_versions(page):
    text = text_of(section(page, "provenance").join(["</style>", ""]))
    assert "revision 3c168be 158f6a1" in text
    assert "2026-11-22 18:50 +00:00" in text
    assert "torch 2.13.0 2.13.0" in text


def test_times_are_shown_where_they_are_known(page, base, new):
    assert "<h3>Time</h3>" not in page
    html = section(render(base, dataclasses.replace(new, timings={"train": 347.6})), "cost")
    assert re.search(r"train</th><td class=\"n\">–</td><td class=\"n\">347\.6</td>", html)


def test_every_text_of_the_data_is_escaped(base, new):
    example = new.examples["losers"][0]
    view = {"text": EVIL, "own": [], "top": [{"piece": EVIL, "weight": 1.0, "kind": "semantic", "in_text": False}]}
    view["own"] = [{"piece": EVIL, "start": 0, "end": 9, "weight": 1.0, "kind": "semantic"}]
    evil = dataclasses.replace(
        new,
        name=EVIL,
        params={EVIL: EVIL},
        texts=[view],
        examples={"winners": [example | {"query": EVIL, "kind": EVIL}], "losers": []},
        pieces=new.pieces | {"heaviest": [{"piece": EVIL, "kind": "semantic", "mean": 1.0, "documents": 1}]},
        versions={"torch": EVIL},
    )
    html = render(base, evil)
    assert "<script" not in html
    assert html.count("&lt;script&gt;alert(&#39;질문&#39;)") > 8


def test_what_an_older_experiment_lacks_is_a_dash_or_says_so(base, new):
    eval_ = {**new.metrics["eval"], "test": {k: v for k, v in new.metrics["eval"]["test"].items() if k != "dense"}}
    poorer = dataclasses.replace(
        new, metrics=new.metrics | {"cost": {}, "eval": eval_}, curves={}, pruning=[], texts=[], versions={}
    )
    html = render(dataclasses.replace(base, curves={}, pruning=[]), poorer)
    assert html.count(">no figures</text>") == 8
    assert "dense teacher" not in section(html, "kinds")


def test_the_file_is_written_whole(base, new, page, tmp_path):
    path = tmp_path / "reports/index.html"
    pages.write_page(base, new, GATES, path)
    assert path.read_text(encoding="utf-8") == page
    assert [one.name for one in path.parent.iterdir()] == ["index.html"]
