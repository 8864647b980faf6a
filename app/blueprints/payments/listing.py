"""The list of payment orders, and the page of one."""

from __future__ import annotations

from flask import Response, render_template, request

from ...access import Permission, me, requires
from ...hypermedia import panel
from ...queries.calendar import selling_day
from ...queries.payments import listing, page
from ...queries.payments.facts import load
from . import bp


@bp.get("/payments/")
@requires(Permission.PAYMENT_VIEW)
def index() -> str:
    wanted = listing.Filter.read(request.args)
    keys = {name: request.args.get(name, type=int) for name in ("before", "after")}
    found = listing.view(wanted, me(), selling_day(), **keys)
    return render_template("payments/index.html", found=found, wanted=wanted, statuses=listing.STATUSES)


@bp.get("/payments/<number>")
@requires(Permission.PAYMENT_VIEW)
def show(number: str) -> Response:
    """Asks for its own inside again while an outcome is open."""
    found = page.view(load(number, me()))
    return panel("payments/show.html", "payments/_payment_order.html", payment_order=found)
