"""Documents that lie beside the code as they will look, with `{{name}}` where a run writes something of its own."""

import re
from pathlib import Path


def fill(template: str, **values: object) -> str:
    """The file `template` of this folder with every `{{name}}` replaced; KeyError for a name that has no value."""
    text = Path(__file__).with_name(template).read_text(encoding="utf-8")
    return re.sub(r"\{\{(\w+)\}\}", lambda name: str(values[name[1]]), text)
