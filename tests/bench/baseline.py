"""The yardstick: Flask and Jinja, rendering the product's own templates from values that are already in memory.

No session, no sign-in, no database, no headers. It asks the product for each page once and keeps what the page's
template was given; what a template fetches by itself (the CSRF token, permissions, the way around) is kept, too.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

from flask import Flask, before_render_template, g, render_template

from app import create_app
from app.extensions import babel
from tests.bench.pages import Page

OF_THE_REQUEST = ("g", "request", "session")


def path(number: int) -> str:
    """Where the baseline of the page of that number is."""
    return f"/baseline/{number}"


def _remembered(product: Flask, page: Page) -> tuple[str, dict[str, Any]]:
    """The template of a page and everything it was rendered with."""
    kept: list[tuple[str, dict[str, Any]]] = []

    def keep(sender: Flask, template: Any, context: dict[str, Any], **more: Any) -> None:
        values = {name: value for name, value in context.items() if name not in OF_THE_REQUEST}
        way_around = context["navigation"]()
        kept.append((template.name, values | {"navigation": lambda: way_around}))

    with before_render_template.connected_to(keep, product):
        answer = product.test_client(use_cookies=False).get(page.path, headers=page.headers)
    if answer.status_code != 200 or len(kept) != 1:
        raise RuntimeError(f"{page.name}: {answer.status}, {len(kept)} templates")
    return kept[0]


def _view(template: str, context: dict[str, Any]) -> Callable[[], str]:
    def view() -> str:
        g.company = context["company"]  # its time zone dates what the template shows
        return render_template(template, **context)

    return view


def application(product: Flask, pages: list[Page]) -> Flask:
    bare = Flask("baseline", static_folder=None)
    babel.init_app(bare)
    bare.jinja_env = product.jinja_env.overlay()
    constant = {"csrf_token": lambda: "x" * 91, "csp_nonce": lambda: "x" * 22, "can": lambda permission: True}
    bare.jinja_env.globals = product.jinja_env.globals | constant
    bare.url_map = product.url_map  # the templates link to the product's pages
    for number, page in enumerate(pages):
        bare.add_url_rule(path(number), f"baseline.{number}", _view(*_remembered(product, page)))
    return bare


if "BENCH_PAGES" in os.environ:  # under granian
    app = application(create_app(), [Page(**page) for page in json.loads(os.environ["BENCH_PAGES"])])
