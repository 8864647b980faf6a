"""Invoices: the list and the page. They are issued by commands alone; nothing here writes one."""

from __future__ import annotations

from flask import Blueprint, Response, render_template, request

from ..access import Permission, me, requires
from ..hypermedia import panel
from ..queries.calendar import selling_day
from ..queries.invoices import listing, page

bp = Blueprint("invoices", __name__, url_prefix="/invoices")


@bp.get("/")
@requires(Permission.INVOICE_VIEW)
def index() -> str:
    wanted = listing.Filter.read(request.args)
    keys = {name: request.args.get(name, type=int) for name in ("before", "after")}
    found = listing.view(wanted, me(), selling_day(), **keys)
    return render_template("invoices/index.html", found=found, wanted=wanted, statuses=listing.STATUSES)


@bp.get("/<number>")
@requires(Permission.INVOICE_VIEW)
def show(number: str) -> str:
    return render_template("invoices/show.html", invoice=page.view(number, me(), selling_day()))


@bp.get("/<number>/paper")
@requires(Permission.INVOICE_VIEW)
def paper(number: str) -> Response:
    """The panel with the PDF; asks again by itself until a worker has rendered it."""
    view = page.view(number, me(), selling_day())
    return panel("invoices/show.html", "invoices/panels/paper.html", invoice=view)
