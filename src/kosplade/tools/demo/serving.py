"""The page as a web application: three views, each an address; one script; nothing from elsewhere."""

import threading
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Route

from kosplade.files import read_yaml
from kosplade.report.page.tokens import stretches
from kosplade.report.rendering import render

if TYPE_CHECKING:  # heavy: a page that says so is there before it
    from kosplade.tools.demo.showing import Views

HERE = Path(__file__).parent
LANGUAGES = {"ko": "한국어", "en": "English"}
PATHS = {"search": "/", "inside": "/inside", "differences": "/differences"}
# Whatever stands in a text, a browser loads nothing from anywhere else.
POLICY = "default-src 'self'; img-src data:; style-src 'unsafe-inline'"


def application(starting: "Future[Views]", *, is_public: bool = False) -> Starlette:
    """For any ASGI server; unless public, it answers to the names of this machine alone.

    Until what it shows has started, each view says so.
    """
    wording, one_at_a_time = read_yaml(HERE / "wording.yaml"), threading.Lock()  # tokenizers serve one thread

    def page(request: Request) -> Response:
        view, asked = next(name for name, path in PATHS.items() if path == request.url.path), request.query_params
        wanted = [asked.get("lang"), *request.headers.get("accept-language", "").split(",")]
        lang = next((one[:2] for one in wanted if one and one[:2] in LANGUAGES), "en")
        kept = {"lang": asked["lang"]} if "lang" in asked else {}
        other = next(name for name in LANGUAGES if name != lang)
        switch = [pair for pair in asked.multi_items() if pair[0] != "lang"] + [("lang", other)]

        def href(to: str, **values: object) -> str:
            return f"{PATHS[to]}?{urlencode(kept | values, doseq=True)}"

        views = starting.result() if starting.done() else None
        with one_at_a_time:
            html = render(
                "demo.html.j2",
                views=views,
                view=view,
                shown=views and getattr(views, view)(asked),
                t={key: texts[list(LANGUAGES).index(lang)] for key, texts in wording.items()},
                lang=lang,
                kept=kept,
                switch=(LANGUAGES[other], f"?{urlencode(switch)}"),
                href=href,
                paths=PATHS,
                stretches=stretches,
            )
        return HTMLResponse(html, headers={"Content-Security-Policy": POLICY})

    def script(_: Request) -> Response:
        return FileResponse(HERE / "demo.js", media_type="text/javascript")

    routes = [*(Route(path, page) for path in PATHS.values()), Route("/demo.js", script)]
    hosts = ["*"] if is_public else ["127.0.0.1", "localhost"]
    return Starlette(routes=routes, middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=hosts)])
