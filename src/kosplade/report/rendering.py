"""The templates of the report, filled: the page, its charts and the pictures of the README and docs/."""

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from kosplade.retrieval.results import figure


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"figure": figure, "px": "{:.1f}".format}
    return environment


def render(template: str, **values: Any) -> Markup:
    """The file `template` of the folder templates, filled; every text that comes from data is escaped."""
    return Markup(_environment().get_template(template).render(**values))
