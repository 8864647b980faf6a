"""The bank's challenge, followed by a cardholder: on a page of its own and framed by the checkout."""

from __future__ import annotations

import pytest
from flask import Flask, render_template_string
from playwright.sync_api import Browser, expect

from app.access import public
from app.gateways.base import Outcome
from app.gateways.sandbox.cards import BY_SLUG
from tests import factories
from tests.gateways.benches import sandbox_bench
from tests.live import serving

pytestmark = pytest.mark.browser

CHECKOUT = """
{% extends "layouts/public.html" %}
{% from "components/card_field.html" import next_step %}
{% block heading %}One more step{% endblock %}
{% block content %}{{ next_step(action, action.url) }}{% endblock %}
"""


@pytest.mark.parametrize("slug", ["confirm", "confirm-in-page"])
@pytest.mark.parametrize(
    ("button", "end"), [("Confirm payment", Outcome.SUCCEEDED), ("Do not confirm", Outcome.DECLINED)]
)
def test_the_cardholder_comes_back_to_the_checkout(
    browser: Browser, app: Flask, slug: str, button: str, end: Outcome
) -> None:
    factories.company()
    bench = sandbox_bench()

    @app.get("/checkout")
    @public
    def checkout() -> str:
        return render_template_string(CHECKOUT, action=result.next_action)

    @app.get("/back")
    @public
    def back() -> str:
        return "<title>Back</title>"

    with serving(app) as address, browser.new_context(base_url=address) as context:
        charge = bench.request(instrument=BY_SLUG[slug].alias(12, 2099), return_url=f"{address}/back")
        result = bench.gateway.charge(charge)
        page = context.new_page()
        page.goto("/checkout")
        if slug == "confirm":
            page.get_by_role("link", name="Confirm with your bank").click()
            page.get_by_role("button", name=button).click()
        else:
            page.frame_locator("iframe").get_by_role("button", name=button).click()
        expect(page).to_have_title("Back")
    found = bench.gateway.look_up(charge.key, None)
    assert found is not None and found.outcome is end
