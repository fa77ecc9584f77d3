"""The page: what it says, in which order, and that nothing in the data can break it."""

import dataclasses
import re

import pytest
from report.conftest import GATES, on

from kosplade.report import page as pages
from kosplade.report.experiments import Experiment
from kosplade.report.figures import SPARSITY, signed
from kosplade.report.page.beside import differing_params, headline_rows
from kosplade.report.page.headline import judge

SECTIONS = [
    *("verdict", "figures", "training", "sparsity", "kinds", "pruning", "cost", "tokens", "examples", "provenance")
]
EVIL = "<script>alert('질문')</script>"


def render(base: Experiment, new: Experiment) -> str:
    return pages.html(base, new, GATES)


@pytest.fixture(scope="module")
def page(base, new) -> str:
    return render(base, new)


def section(html: str, name: str) -> str:
    return re.search(rf'<section id="{name}".*?</section>', html, re.DOTALL).group()


def test_the_sections_follow_the_order_of_the_argument(page):
    assert re.findall(r'<section id="(\w+)"', page) == SECTIONS
    assert re.findall(r'<a href="#(\w+)"', page) == SECTIONS[1:]
    assert "v25 is better than v24." in page.split(SECTIONS[1])[0]


def test_the_page_is_one_small_file_without_script_or_address(base, new, page, tmp_path):
    pages.write_page(base, new, GATES, tmp_path / "reports/index.html")
    assert (tmp_path / "reports/index.html").read_text(encoding="utf-8") == page
    assert len(page.encode()) < 2_000_000
    assert not re.search(r"<script|https?://|//\w|@import|url\(|\ssrc=", page)
    assert page.count("<table") == page.count("<caption")
    assert len(re.findall(r'<svg [^>]*aria-label="[^"]+"', page)) == page.count("<svg") == 12
    assert len(re.findall(r'</svg>\s*<p class="note">[A-Z][^<]+\.</p>', page)) == 12  # what to see


def test_every_difference_stands_in_the_table_with_interval_and_test(base, new, page):
    rows = re.findall(r'<td class="tone-(\w+)">.*?<td class="n">(.+?)<span class="range">(.+?)</span>', page, re.DOTALL)
    comparisons = judge(base, new, GATES).comparisons
    assert [row[:2] for row in rows] == [(one.outcome, signed(one.difference)) for one in comparisons]
    assert [row[2] for row in rows] == [f"{signed(one.low)} to {signed(one.high)}" for one in comparisons]
    assert page.count(">no difference shown<") == sum(one.outcome == "unsure" for one in comparisons)


def test_headline_figures_know_which_way_is_better(base, new):
    rows = {row["title"]: row for row in headline_rows(base, new, GATES)}
    stopwords = rows["stopword activation"]
    assert [(cell["text"], cell["met"]) for cell in stopwords["cells"]] == [("1.740", False), ("0.240", True)]
    shown = [stopwords[key] for key in ("change", "arrow", "outcome", "limit")]
    assert shown == ["\N{MINUS SIGN}1.500", "▼", "better", "< 0.5"]
    assert rows["pieces a document"]["outcome"] == "worse"
    assert rows["nDCG@10, BM25, Kiwi morphemes"]["change"] == "equal"
    assert {row["title"]: row for row in headline_rows(new, base, GATES)}["stopword activation"]["outcome"] == "worse"


def test_figures_of_another_collection_are_neither_better_nor_worse(base, new):
    rows = {row["title"]: row for row in headline_rows(base, on(new, bm25="k1 1.5", sample=50), GATES)}
    other = {title for title, row in rows.items() if row["outcome"] == "not compared"}
    assert other == {headline.title for headline in SPARSITY} | {"nDCG@10, BM25, same pieces"}
    assert not any(rows[title]["change"] for title in other)


def test_the_table_by_kind_shows_every_system_with_its_interval(page, new):
    rows = re.findall(r"<tr>.*?</tr>", section(page, "kinds"), re.DOTALL)[2:]
    assert [re.search(r'<th scope="row">([\w-]+)', row).group(1) for row in rows][:2] == ["all", "question"]
    assert all(row.count('class="track"') == 7 for row in rows)
    figures = new.metrics["eval_by_kind"]["test"]["keyword"]["encoded"]
    keyword = next(row for row in rows if "keyword" in row)
    assert f"{figures['ndcg10']:.3f}" in keyword
    assert f"{figures['low']:.3f}–{figures['high']:.3f}" in keyword


def test_the_tokens_are_shaded_by_their_share_of_the_largest_weight(base, new):
    own = [{"piece": "▁환불", "start": 0, "end": 2, "weight": 1.0, "kind": "semantic"}]
    top = [{"piece": "▁반환", "weight": 2.0, "kind": "foreign", "in_text": False}]
    view = {"text": "환불은", "own": own, "top": top}
    html = section(render(base, dataclasses.replace(new, texts=[view])), "tokens")
    assert 'style="--w:0.50" title="▁환불 1.00, semantic">환불</span>은' in html
    assert re.search(r'class="chip foreign added">.*반환.*2\.00', html)
    assert "not among those of v24" in html


def test_winners_and_losers_name_ranks_and_the_pieces_that_decided(page, new):
    html = section(page, "examples")
    assert html.count("<details>") == 9
    winner = new.examples["winners"][0]
    assert f"rank {winner['relevant']['rank']} (BM25: {winner['relevant']['baseline_rank'] or 'none'})" in html
    first = winner["relevant"]["pieces"][0]
    assert f"{first['query_weight']:.2f} × {first['document_weight']:.2f}" in html
    assert html.count("Ranked first instead") == 4


def test_parameters_that_differ(base, new):
    assert differing_params(base, new) == [("version", "v24", "v25"), ("loss.idf_weighting", "false", "true")]
    older = dataclasses.replace(base, params=new.params | {"train": {"learning_rate": 1e-05, "bf16": None}})
    assert differing_params(older, new) == [("train.learning_rate", "1e-05", "–"), ("train.bf16", "null", "–")]


def test_times_are_shown_where_they_are_known(page, base, new):
    assert "<h3>Time</h3>" not in page
    html = section(render(base, dataclasses.replace(new, timings={"train": 347.6})), "cost")
    assert "347.6" in html


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
