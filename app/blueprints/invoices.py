"""Invoices: the list, the page, and sending one. They are issued by commands alone; nothing here writes one."""

from __future__ import annotations

from flask import Blueprint, Response, flash, make_response, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from wtforms import TextAreaField
from wtforms.validators import DataRequired, Length

from ..access import Permission, me, requires
from ..commands.receivables import doctor as repairs
from ..commands.receivables import invoice_mail, reminder_links
from ..commands.receivables import reminders as reminding
from ..db import get
from ..errors import Refusal
from ..hypermedia import panel, safe_next, see_other
from ..mail.reminder_kinds import InvoiceReminded
from ..models import Invoice
from ..queries.calendar import selling_day
from ..queries.invoices import listing, page, reminders
from ..queries.invoices.sending import preflight
from ..queries.receivables import doctor as diagnoses
from .forms import Form, KeyForm

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


class StopForm(Form):
    reason = TextAreaField(lazy_gettext("Reason"), [DataRequired(lazy_gettext("Say why.")), Length(max=500)])


@bp.get("/<number>/reminder")
@requires(Permission.INVOICE_REMIND)
def remind_form(number: str) -> Response:
    """Who is reminded and how they can pay, before it goes."""
    return _reminding(number, KeyForm(formdata=None))


@bp.post("/<number>/reminder")
@requires(Permission.INVOICE_REMIND)
def remind(number: str) -> Response:
    view, form = page.view(number, me(), selling_day()), KeyForm()
    try:
        reminding.send_now(view.id, form_key=form.key, by=me())
    except Refusal as refusal:
        return _reminding(number, form, refusal)
    flash(_("The reminder is on its way."), "ok")
    return see_other(url_for("invoices.show", number=number))


def _reminding(number: str, form: KeyForm, refusal: Refusal | None = None) -> Response:
    view = page.view(number, me(), selling_day())
    to, blocked = preflight(view.id, InvoiceReminded.kind)
    facts = {
        "invoice": view,
        "to": to,
        "form": form,
        "refusal": refusal or reminders.why_not(view.id) or reminders.why_not_by_hand(view.id) or blocked,
        "payable": reminder_links.carried(get(Invoice, view.id)),
    }
    return make_response(render_template("invoices/remind.html", **facts), refusal.status if refusal else 200)


@bp.get("/<number>/reminders/stop")
@requires(Permission.INVOICE_REMIND)
def stop_reminders_form(number: str) -> Response:
    return _stopping(number, StopForm(formdata=None))


@bp.post("/<number>/reminders/stop")
@requires(Permission.INVOICE_REMIND)
def stop_reminders(number: str) -> Response:
    view, form = page.view(number, me(), selling_day()), StopForm()
    if not form.validate():
        return _stopping(number, form, status=422)
    try:
        reminding.stop(view.id, because=form.reason.data or "", by=me())
    except Refusal as refusal:
        return _stopping(number, form, refusal, refusal.status)
    flash(_("Reminders are stopped."), "ok")
    return see_other(url_for("invoices.show", number=number))


def _stopping(number: str, form: StopForm, refusal: Refusal | None = None, status: int = 200) -> Response:
    view = page.view(number, me(), selling_day())
    html = render_template("invoices/stop_reminders.html", invoice=view, form=form, refusal=refusal)
    return make_response(html, status)


@bp.post("/<number>/reminders")
@requires(Permission.INVOICE_REMIND)
def reminders_go_on(number: str) -> Response:
    view = page.view(number, me(), selling_day())
    done = reminding.go_on(view.id, by=me())
    flash(_("Reminders go on.") if done else _("They were not stopped."), "ok" if done else "info")
    return see_other(url_for("invoices.show", number=number))
