"""The order page and its panels. One view feeds a panel on the page, at its own address, and as a fragment."""

from __future__ import annotations

from flask import Response, render_template, request
from flask_babel import gettext

from ...access import Permission, requires
from ...commands.orders import order_papers
from ...queries.orders import page
from . import bp
from .regions import changed, load_order, panel


@bp.get("/<number>")
@requires(Permission.ORDER_VIEW)
def show(number: str) -> str:
    view = page.view(load_order(number))
    return render_template("orders/show.html", **{name: getattr(view, name) for name in view.__struct_fields__})


@bp.get("/<number>/summary")
@requires(Permission.ORDER_VIEW)
def summary(number: str) -> Response:
    return panel(load_order(number), "summary")


@bp.get("/<number>/lines")
@requires(Permission.ORDER_VIEW)
def lines(number: str) -> Response:
    return panel(load_order(number), "lines")


@bp.get("/<number>/payment")
@requires(Permission.PAYMENT_VIEW)
def payment(number: str) -> Response:
    return panel(load_order(number), "payment")


@bp.get("/<number>/recurring")
@requires(Permission.AGREEMENT_VIEW)
def recurring(number: str) -> Response:
    return panel(load_order(number), "recurring")


@bp.get("/<number>/shipping")
@requires(Permission.ORDER_VIEW)
def shipping(number: str) -> Response:
    return panel(load_order(number), "shipping")


@bp.get("/<number>/pdf")
@requires(Permission.ORDER_VIEW)
def pdf(number: str) -> Response:
    facts = load_order(number)
    return panel(facts, "pdf", pdf=page.pdf.view(facts, request.args.get("document", "")))


@bp.post("/<number>/pdf")
@requires(Permission.ORDER_VIEW)
def make_pdf(number: str) -> Response:
    """Ask for the preview of an order that has none yet, or whose making failed."""
    order_papers.preview(load_order(number).row.id)
    return changed(number, "pdf", toast=gettext("The preview is being made"))


@bp.get("/<number>/fulfillment")
@requires(Permission.ORDER_VIEW)
def fulfillment(number: str) -> Response:
    return panel(load_order(number), "fulfillment")


@bp.get("/<number>/timeline")
@requires(Permission.ORDER_VIEW)
def timeline(number: str) -> Response:
    facts = load_order(number)
    shown = page.timeline.view(facts, request.args.get("kind", ""), request.args.get("before"))
    return panel(facts, "timeline", timeline=shown)
