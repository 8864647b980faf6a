"""Where an action on a payment order leads back to: the order page or the payment order's own, as part or as whole.
What asks for a period of an agreement is on no order's page, so it is always its own."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from flask import Response, flash, make_response, render_template, request, url_for

from ...access import me
from ...hypermedia import fragments, safe_next, see_other, wants_fragment
from ...queries.payments import page
from ...queries.payments.facts import Collection, load
from ..orders import regions

ON_THE_ORDER = ("next", "head", "summary", "timeline", "links", "dates")
"""What a change of a payment order shows in, beside the payment panel."""


def order_page(number: str) -> str:
    """The payment panel of the order page."""
    return url_for("orders.show", number=number) + "#panel-payment"


def home(collection: Collection) -> str:
    """The page that an action leads back to by itself."""
    if collection.order is None:
        return url_for("payments.show", number=collection.number)
    return order_page(collection.order.row.number)


def back(default: str) -> str:
    """Where this person came from, if the address says so."""
    return safe_next(request.args.get("next"), default)


def on_order_page(collection: Collection) -> bool:
    """The order page itself asks; one of its panels on a page of its own has too little to swap."""
    if collection.order is None:
        return False
    number = collection.order.row.number
    return urlsplit(request.headers.get("HX-Current-URL", "")).path == url_for("orders.show", number=number)


def target(collection: Collection) -> str:
    """What the answer to a form in the shared dialog replaces, on the page that opened it."""
    return "#panel-payment" if on_order_page(collection) else "#payment-order"


def changed(collection: Collection, said: str) -> Response:
    """After an action: fresh parts of the page that asked; a browser goes back to where it came from."""
    if wants_fragment() and on_order_page(collection):
        return regions.changed(collection.source.row.number, "payment", *ON_THE_ORDER, toast=said)
    if wants_fragment() and request.headers.get("HX-Request-Type") == "partial":
        fresh = page.view(load(collection.number, me()))
        return fragments(render_template("payments/_payment_order.html", payment_order=fresh), toast=said)
    flash(said, "ok")
    return see_other(back(home(collection)))


def dialog(collection: Collection, status: int = 200, **words: Any) -> Response:
    """An action that asks first: `title`, `consequence`, `submit`, `action`, `form`, perhaps `refusal`, `danger`."""
    facts = {"refusal": None, "danger": False, "back": back(home(collection))} | words
    html = render_template("payments/confirm.html", collection=collection, target=target(collection), **facts)
    return make_response(html, status)
