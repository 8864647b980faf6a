"""Checks that a panel is one thing: one template, one address, the same as a page and as a fragment."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from flask import Flask
from flask.testing import FlaskClient

from . import routes
from .modules import Sources


def names(templates: Sources) -> list[tuple[str, str]]:
    """Room and name of every panel: `templates/<room>/panels/<name>.html`; parts of panels begin with `_`."""
    found = [Path(path) for path in templates if Path(path).parent.name == "panels"]
    return [(p.parts[0], p.stem) for p in found if not p.stem.startswith("_")]


def torn(app: Flask, client: FlaskClient, samples: Mapping[str, object], panels: list[tuple[str, str]]) -> list[str]:
    """Panels whose address is missing, or does not answer with the same section both ways."""
    found = []
    for room, name in panels:
        endpoint, section = f"{room}.{name}", f'id="panel-{name.replace("_", "-")}"'
        rule = next((r for r in routes.rules(app) if r.endpoint == endpoint and "GET" in (r.methods or ())), None)
        if rule is None:
            found.append(f"{room}/panels/{name}.html has no address {endpoint}")
            continue
        path = routes.build(rule, samples)
        page, part = client.get(path).text, client.get(path, headers=routes.FRAGMENT).text.strip()
        if "<html" not in page or page.count(section) != 1:
            found.append(f"{endpoint} is not found once on its page")
        if not part.startswith("<section") or not part.endswith("</section>") or section not in part[:200]:
            found.append(f"{endpoint} is not the one root of its fragment")
    return found
