"""The page in a real browser: typed, clicked, by keyboard, on a phone, by a link, without a script or a server."""

import json
import re
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from own_browser import CONTRAST, NEEDED, own_browser
from tools.demo.conftest import ASKED, TEXTS, Served, open_views, write_beir

expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect
pytestmark = [pytest.mark.full, *NEEDED]

EVIL = "<script>alert(1)</script> <img src=x onerror=alert(1)> 카드"


@pytest.fixture(scope="module")
def browser():
    with own_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def served(loaded):
    with Served(loaded) as served:
        yield served


@pytest.fixture
def open_page(browser, served):
    """Opens an address in a context of its own; what a page says or asks elsewhere fails the test."""
    contexts, seen = [], []

    def opened(path: str = "/", address: str = served.address, **settings):
        contexts.append(browser.new_context(**{"locale": "en-US"} | settings))
        page = contexts[-1].new_page()
        page.on("console", lambda message: seen.append(message.text))
        page.on("pageerror", lambda error: seen.append(str(error)))
        page.on("request", lambda sent: seen.append(sent.url) if not sent.url.startswith((address, "data:")) else None)
        page.goto(address + path)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert [said for said in seen if "ERR_CONNECTION_REFUSED" not in said] == []  # of the server that is stopped


def link(path: str, **values: object) -> str:
    return f"{path}?{urlencode(values, doseq=True)}"


def ids(page, column: int = 0) -> list[str]:
    hits = page.locator(".columns section").nth(column).locator("li.hit")
    return [one.get_attribute("data-id") for one in hits.all()]


def test_hits_come_while_typing_and_the_address_reproduces_them(open_page, loaded):
    page = open_page()
    assert page.locator("[name=q]").evaluate("one => one === document.activeElement")
    page.keyboard.type(ASKED[2])
    page.wait_for_selector("li.good")
    expected = list(loaded.columns["v24.inference_free"].runs((ASKED[2],), 10)[ASKED[2]])
    assert ids(page) == expected
    page.locator("[name=c]").nth(0).select_option("bm25_kiwi")
    page.locator("[name=c]").nth(2).select_option("")
    expect(page.locator(".columns section")).to_have_count(2)
    assert ids(page) == list(loaded.columns["bm25_kiwi"].runs((ASKED[2],), 10)[ASKED[2]])
    asked = parse_qs(urlsplit(page.url).query)
    assert asked == {"q": [ASKED[2]], "c": ["bm25_kiwi", "v25.inference_free"]}
    again = open_page(f"/?{urlsplit(page.url).query}")
    assert again.locator("#results").inner_html() == page.locator("#results").inner_html()
    assert again.locator("[name=q]").input_value() == ASKED[2]
    assert again.locator("[name=c]").nth(2).input_value() == ""


def test_a_hit_shows_what_added_to_its_score(open_page, loaded):
    page = open_page(link("/", q=ASKED[1], c="v25.inference_free"))
    hit = page.locator("li.good")
    view = loaded.columns["v25.inference_free"].explain(ASKED[1], "d6")
    heaviest = max(view["own"], key=lambda one: one["weight"])
    marked = hit.locator(".shade").filter(has_text=TEXTS[6][heaviest["start"] : heaviest["end"]]).first
    assert float(marked.evaluate("one => getComputedStyle(one).getPropertyValue('--w')")) == 1.0
    assert "judged relevant" in hit.inner_text()
    hit.get_by_role("link").click()
    assert page.locator("textarea").input_value() == TEXTS[6]


def test_the_slider_prunes_and_what_is_left_is_copied(open_page):
    page = open_page(link("/inside", text=TEXTS[0], m="v24"), permissions=["clipboard-read", "clipboard-write"])
    chips = page.locator(".chips li").count()
    assert page.locator(".chips .cut").count() == 0
    page.locator("[name=max_ratio]").focus()
    for _ in range(40):
        page.keyboard.press("ArrowRight")
    expect(page).to_have_url(re.compile("max_ratio=0.4"))
    page.wait_for_selector("#results:not([aria-busy]) .chips .cut")
    cut = page.locator(".chips .cut").count()
    assert page.locator("output").inner_text() == "0.4"
    kept, whole, lost = re.match(r"(\d+) of (\d+) pieces, ([\d.]+) %", page.locator(".nnz").inner_text()).groups()
    assert (int(kept), int(whole)) == (chips - cut, chips)
    assert float(lost) > 0
    page.get_by_role("button", name="query_tokens").click()
    page.get_by_role("button", name="Copied").wait_for()
    copied = json.loads(page.evaluate("navigator.clipboard.readText()"))
    assert len(copied["query"]["neural_sparse"]["features"]["query_tokens"]) == int(kept)


def test_stopwords_and_expansions_differ_in_shape_and_not_in_colour_alone(open_page):
    page = open_page(link("/inside", text=TEXTS[0]))
    styles = {
        name: page.locator(f".chips .chip.{name}").first.evaluate(
            "one => [getComputedStyle(one).borderStyle, getComputedStyle(one).borderRadius,"
            " getComputedStyle(one, '::before').content, getComputedStyle(one).color]"
        )
        for name in ("semantic:not(.added)", "stopword:not(.added)", "semantic.added")
    }
    assert len({tuple(style[:3]) for style in styles.values()}) == 3


def test_where_two_differ_leads_to_the_search(open_page, loaded):
    page = open_page(link("/differences", c=["v25.encoded", "bm25_kiwi"]))
    row = page.locator("tbody tr").first
    query = row.get_by_role("link").inner_text()
    row.get_by_role("link").click()
    page.wait_for_selector("li.hit")
    assert page.locator("[name=q]").input_value() == query
    assert [one.input_value() for one in page.locator("[name=c]").all()] == ["v25.encoded", "bm25_kiwi", ""]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "path",
    [
        link("/", q=ASKED[1]),
        link("/inside", text=TEXTS[0], max_ratio=0.2),
        link("/differences", c=["v25.encoded", "bm25_kiwi"]),
    ],
    ids=["search", "inside", "differences"],
)
def test_a_phone_shows_all_of_it_with_the_contrast_of_aa(open_page, path, scheme):
    page = open_page(path, viewport={"width": 375, "height": 700}, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") == 375
    assert (int(page.evaluate("getComputedStyle(document.body).backgroundColor.match(/[0-9]+/)[0]")) < 50) == (
        scheme == "dark"
    )
    assert {name: ratio for name, ratio in page.evaluate(CONTRAST).items() if ".cut" not in name} == {}


def test_the_language_is_the_browsers_and_the_switch_keeps_the_view(open_page):
    page = open_page(link("/", q=ASKED[0]), locale="ko-KR")
    assert page.locator("nav [aria-current]").inner_text() == "검색"
    page.get_by_role("link", name="English").click()
    assert page.locator("nav [aria-current]").inner_text() == "Search"
    assert page.locator("[name=q]").input_value() == ASKED[0]
    page.get_by_role("link", name="Inside a text").click()
    assert page.locator("html").get_attribute("lang") == "en"


def test_the_keyboard_reaches_the_query_and_the_hits(open_page):
    page = open_page(link("/", q=ASKED[1], c="v25.inference_free"))
    page.locator("li.hit a").first.focus()
    page.keyboard.press("/")
    assert page.locator("[name=q]").evaluate("one => one === document.activeElement")
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.closest('li.hit')?.dataset.id ?? ''"):
            break
    assert page.evaluate("document.activeElement.closest('li.hit').dataset.id") == ids(page)[0]


def test_it_works_without_a_script(open_page):
    page = open_page(java_script_enabled=False)
    page.locator("[name=q]").fill(ASKED[1])
    page.get_by_role("button", name="Show").click()
    assert "d6" in ids(page)


def test_texts_are_texts(open_page):
    page = open_page(link("/", q=EVIL))
    assert page.locator("[name=q]").input_value() == EVIL
    page = open_page(link("/inside", text=EVIL, m=[EVIL, "v25"]))
    assert page.locator("img").count() == 0
    assert f"{EVIL}: no such column" in page.locator(".sentence").inner_text()


def test_what_is_not_there_is_a_sentence_with_the_command_that_helps(open_page, here):
    views = open_views(here / "elsewhere", {})
    views.load()
    with Served(views) as empty:
        page = open_page(link("/", q="질문"), empty.address)
        said = " ".join(page.locator(".sentence").all_inner_texts())
        assert "make demo DIR=PATH" in said
        assert "Run: make repro" in said
        empty.stop()
        page.locator("[name=q]").press("a")
        expect(page.locator("#results")).to_have_text("The page's server does not answer. Run: make demo")


def test_progress_is_shown_until_the_hits_are_there(open_page, here, exports):
    views = open_views(write_beir(here / "beir"), {"v25": exports["v25"]})
    views.corpus.read()
    with Served(None) as served:
        page = open_page(link("/", q=ASKED[1], c="v25.inference_free"), served.address)
        assert "Loading the libraries." in page.locator("main").inner_text()
        served.starting.set_result(views)
        page.wait_for_selector("progress")
        assert page.locator("progress").count() == 2
        assert "v25: waiting for its turn" in page.locator("#results").inner_text()
        views.load()
        page.wait_for_selector("li.good", timeout=10_000)
        assert page.locator("progress").count() == 0
