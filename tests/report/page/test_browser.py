"""The page in a real browser: no error, no request, nothing that sticks out, in both colour schemes."""

import importlib.util
import shutil

import pytest
from report.conftest import GATES, make

from kosplade.report.page import write_page

CHROMIUM = shutil.which("chromium")
QUIET = ("disable-gpu", "disable-background-networking", "disable-component-update", "disable-sync", "no-first-run")
CONTRAST = """() => {
  const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = (c) => c.slice(0, 3).map((v) => v / 255)
    .map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const over = (top, under) => under.map((v, i) => top[i] * (top[3] ?? 1) + v * (1 - (top[3] ?? 1)));
  const background = (element) => element
    ? over(rgb(getComputedStyle(element).backgroundColor), background(element.parentElement)) : [255, 255, 255];
  const found = {};
  for (const element of document.body.querySelectorAll('*')) {
    const own = [...element.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || element.closest('.sp, .sr, title')) continue;
    const style = getComputedStyle(element);
    const ink = rgb(element.closest('svg') ? style.fill : style.color);
    const [low, high] = [light(ink), light(background(element))].sort((a, b) => a - b);
    const ratio = (high + 0.05) / (low + 0.05);
    if (ratio < 4.5) found[`${element.tagName}.${element.className.baseVal ?? element.className}`] = ratio.toFixed(2);
  }
  return found;
}"""

pytestmark = [
    pytest.mark.full,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: apt-get install chromium"),
    pytest.mark.skipif(importlib.util.find_spec("playwright") is None, reason="playwright is not installed"),
]


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        options = ["--no-sandbox", *(f"--{name}" for name in QUIET)]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("page") / "index.html"
    base = make("an-experiment-with-a-long-name", gain=-0.03, stopwords=1.0, seed=24)
    write_page(base, make("v25", gain=0.03, stopwords=0.0, seed=25), GATES, path)
    return path.as_uri()


@pytest.fixture(params=[(400, "light"), (400, "dark"), (1600, "light"), (1600, "dark")], ids=str)
def opened(browser, address, request):
    """The open page, and every message, error and request since before it was opened."""
    width, scheme = request.param
    page = browser.new_page(viewport={"width": width, "height": 1000}, color_scheme=scheme)
    seen = []
    page.on("console", lambda message: seen.append(message.text))
    page.on("pageerror", lambda error: seen.append(str(error)))
    page.on("request", lambda sent: seen.append(sent.url))
    page.goto(address)
    yield page, seen, width, scheme
    page.close()


def test_the_page_is_quiet_and_fits(opened, address):
    page, seen, width, scheme = opened
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    boxes = [one.bounding_box() for one in page.locator("svg").all()]
    assert len(boxes) == 12
    assert all(box["width"] > 200 and box["height"] > 50 and box["x"] + box["width"] <= width for box in boxes)
    red, *_ = map(int, page.evaluate("getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g)"))
    assert (red < 50) == (scheme == "dark")
    assert seen == [address]


def test_every_text_has_the_contrast_of_aa(opened):
    page, *_ = opened
    assert page.evaluate(CONTRAST) == {}


def test_print_opens_the_details(browser, address):
    page = browser.new_page()
    page.goto(address)
    closed = page.locator("#examples .example").first
    assert not closed.is_visible()
    page.emulate_media(media="print")
    assert closed.is_visible()
    page.close()
