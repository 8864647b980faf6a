"""Invoices: the list, the page, and sending one. They are issued by commands alone; nothing here writes one."""

from __future__ import annotations

from flask import Blueprint, Response, flash, make_response, render_template, request, url_for
from flask_babel import gettext as _

from ..access import Permission, me, requires
from ..commands.receivables import doctor as repairs
from ..commands.receivables import invoice_mail
from ..errors import Refusal
from ..hypermedia import panel, safe_next, see_other
from ..queries.calendar import selling_day
from ..queries.invoices import listing, page
from ..queries.invoices.sending import preflight
from ..queries.receivables import doctor as diagnoses
from .forms import KeyForm

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


@bp.get("/<number>/doctor")
@requires(Permission.INVOICE_VIEW)
def doctor(number: str) -> str:
    """Why money did not move this invoice."""
    return render_template("receivables/doctor.html", page=diagnoses.of_invoice(number, me(), selling_day()))


@bp.post("/<number>/recomputation")
@requires(Permission.RECEIVABLES_REPAIR)
def recompute(number: str) -> Response:
    """Let its status say what its allocations say."""
    try:
        done = repairs.recompute(diagnoses.invoice_id(number, me()), by=me())
    except Refusal as refusal:
        flash(f"{refusal.sentence} {refusal.help}", "warn")
    else:
        said = _("Recomputed; the evidence before and after is kept.") if done else _("It agreed already.")
        flash(said, "ok" if done else "info")
    return see_other(safe_next(request.args.get("next"), url_for("invoices.doctor", number=number)))


@bp.get("/<number>/send")
@requires(Permission.INVOICE_SEND)
def send_form(number: str) -> Response:
    """Who gets it and why, before it goes."""
    return _sending(number, KeyForm(formdata=None))


@bp.post("/<number>/send")
@requires(Permission.INVOICE_SEND)
def send(number: str) -> Response:
    view, form = page.view(number, me(), selling_day()), KeyForm()
    try:
        invoice_mail.send(view.id, form_key=form.key, by=me())
    except Refusal as refusal:
        return _sending(number, form, refusal)
    return see_other(url_for("invoices.show", number=number))


def _sending(number: str, form: KeyForm, refusal: Refusal | None = None) -> Response:
    view = page.view(number, me(), selling_day())
    to, blocked = preflight(view.id)
    html = render_template("invoices/send.html", invoice=view, to=to, form=form, refusal=refusal or blocked)
    return make_response(html, refusal.status if refusal else 200)
