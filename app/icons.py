"""Tabler's outline icons as inline SVG; `icon("clock")` in any template.

The drawings are copied to static/vendor/icons at set-up from the names in static/icons.txt.
"""

import re
from functools import cache
from pathlib import Path

from flask import Flask
from markupsafe import Markup, escape

FOLDER = Path(__file__).parent / "static" / "vendor" / "icons"

_SHAPE = re.compile(r"<(?:path|circle|line|rect|polyline)\b[^>]*>")


@cache
def _drawing(name: str) -> str:
    """The shapes of one icon. Raises LookupError for an icon that set-up did not copy."""
    try:
        source = (FOLDER / f"{name}.svg").read_text(encoding="utf-8")
    except FileNotFoundError:
        raise LookupError(f"icon {name!r} is not set up: add it to static/icons.txt and run bin/setup") from None
    shapes = (shape for shape in _SHAPE.findall(source) if 'stroke="none"' not in shape)
    return "".join(re.sub(r"\s*/>$", "/>", shape) for shape in shapes)


@cache
def icon(name: str, label: str | None = None) -> Markup:
    """The icon `name`; decoration unless a `label` says in words what it means."""
    said = f'role="img" aria-label="{escape(label)}"' if label else 'aria-hidden="true"'
    return Markup(f'<svg class="icon" viewBox="0 0 24 24" {said}>{_drawing(name)}</svg>')  # noqa: S704


def register(app: Flask) -> None:
    app.jinja_env.globals["icon"] = icon
