"""The page of `make demo` in a real Chromium: seconds until it can be used, from a keystroke to the hits, its pictures.

    PYTHONPATH=src python benchmarks/demo.py --pictures docs --json demo.json --model v24

Starts `python -m kosplade.tools.demo` with what else is given (`--dir`, `--model`), in the working folder. "seconds"
counts from that command to the first page, to the first hits of BM25 and to those of all columns; with vectors in
outputs/demo (a second run) all of it is what a user waits for. "keystroke" types the judged queries letter by letter
and takes, of each letter, the milliseconds from the key to the hits on the screen, which include the 150 that the page
waits for the next key; once for each of `--columns`, alone.

Pictures are PNG of 256 colours, as wide as a README shows them.
"""

import argparse
import json
import shutil
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlencode

from PIL import Image
from playwright.sync_api import Page, sync_playwright

QUERY = "학생인건비 잔액 20% 기관계정 이체 국고반납"
# Of the corpus: V24 weighs many of its particles and endings.
TEXT = (
    "겨울은 이와는 반대로 기온이 크게 떨어져 상당히 춥다. 북부 고원지대는 남부 지역보다 여름에 서늘하고 건조한 편이다."
)
VIEWS = {
    "demo-search": ("/", {"q": QUERY}),
    "demo-inside": ("/inside", {"text": TEXT, "max_ratio": 0.3}),
    "demo-differences": ("/differences", {}),
}
WIDTH, HEIGHT = 1200, 860
CHANGED = """query => {
  const box = document.querySelector('[name=q]');
  return new Promise((done) => {
    new MutationObserver((_, observer) => {
      if (document.querySelector('#results:not([aria-busy])')) {
        observer.disconnect();
        requestAnimationFrame(() => done(performance.now() - started));
      }
    }).observe(document.querySelector('main'), { childList: true, subtree: true, attributes: true });
    const started = performance.now();
    box.value = query;
    box.dispatchEvent(new Event('input', { bubbles: true }));
  });
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--columns", default="v25.inference_free,bm25_kiwi,v25.encoded", help="timed, one after another"
    )
    parser.add_argument("--letters", type=int, default=100, help="keystrokes of each column")
    parser.add_argument("--pictures", type=Path, help="folder of the pictures")
    parser.add_argument("--json", type=Path)
    options, more = parser.parse_known_args()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    started = time.perf_counter()
    page_server = subprocess.Popen([sys.executable, "-m", "kosplade.tools.demo", "--port", str(port), *more])
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, locale="en-US", device_scale_factor=1)
            figures = {"seconds": seconds(page, address, started)}
            figures["keystroke_ms"] = {
                column: keystrokes(page, address, column, options.letters) for column in options.columns.split(",")
            }
            print(json.dumps(figures, indent=2))
            if options.json:
                options.json.write_text(json.dumps(figures, indent=2) + "\n")
            for name, (path, values) in VIEWS.items() if options.pictures else ():
                page.goto(f"{address}{path}?{urlencode(values, doseq=True)}", timeout=120_000)
                page.mouse.move(0, 0)
                file = options.pictures / f"{name}.png"
                page.screenshot(path=file)
                # By coverage: the few pixels of a stopword keep their colour.
                few = (
                    Image.open(file).convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
                )
                few.save(file, optimize=True)
                print(f"{file}: {file.stat().st_size / 1000:.0f} kB")
    finally:
        page_server.terminate()
        page_server.wait()


def seconds(page: Page, address: str, started: float) -> dict[str, float]:
    """Since the start, when each can be used."""
    reached = {}
    while True:
        try:
            page.goto(f"{address}/?{urlencode({'q': QUERY})}")
            break
        except Exception:  # nothing listens yet
            time.sleep(0.05)
    reached["page"] = time.perf_counter() - started
    columns = page.locator(".columns section")
    columns.last.locator("li.hit").first.wait_for(timeout=600_000)
    reached["bm25"] = time.perf_counter() - started
    page.locator("[data-loading]").first.wait_for(state="detached", timeout=3_600_000)
    reached["all"] = time.perf_counter() - started
    return {name: round(value, 1) for name, value in reached.items()}


def keystrokes(page: Page, address: str, column: str, letters: int) -> dict[str, float]:
    """Of single letters typed: median and 95th percentile of the milliseconds until the hits are drawn."""
    page.goto(f"{address}/?{urlencode({'c': column})}")
    queries = [one.inner_text() for one in page.locator("#results li a").all()]
    prefixes = [query[:end] for query in queries for end in range(1, len(query) + 1) if query[end - 1] != " "][:letters]
    times = [page.evaluate(CHANGED, prefix) for prefix in prefixes]
    found = {"median": statistics.median(times), "p95": statistics.quantiles(times, n=20)[-1]}
    return {name: round(value) for name, value in found.items()} | {"letters": len(times)}


if __name__ == "__main__":
    main()
