"""The page in a real browser: no error, no request, nothing that sticks out, in both colour schemes."""

import pytest
from own_browser import CONTRAST, NEEDED, own_browser
from report.conftest import GATES, make

from kosplade.report.page import write_page

pytestmark = [pytest.mark.full, *NEEDED]


@pytest.fixture(scope="module")
def browser():
    with own_browser() as browser:
        yield browser


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
