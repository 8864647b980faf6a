"""A payment order for one invoice: how much of what it has due, what for, until when, and how it is collected."""

from __future__ import annotations

from flask import Response, flash, url_for
from flask_babel import gettext as _

from ...access import Permission, me, requires
from ...commands.payments import invoice_requests
from ...db import get
from ...errors import Refusal
from ...hypermedia import see_other
from ...models import Invoice
from ...money import Money
from ...queries import routes
from ...queries.calendar import selling_day
from ...queries.invoices import page as invoices
from ...queries.invoices.page import InvoiceView
from ...queries.orders.views import Link
from . import bp, requesting
from .forms import RequestForm


@bp.get("/invoices/<number>/payment-orders/new")
@requires(Permission.PAYMENT_ORDER_CREATE)
def new_for_invoice(number: str) -> Response:
    invoice = _load(number)
    due_date = max(invoice.due_date or selling_day(), selling_day())
    known = {"purpose": _("Invoice %(number)s", number=number), "due_date": due_date}
    return _page(invoice, RequestForm(formdata=None, data=known))


@bp.post("/invoices/<number>/payment-orders/new")
@requires(Permission.PAYMENT_ORDER_CREATE)
def create_for_invoice(number: str) -> Response:
    invoice, form = _load(number), RequestForm()
    _offer(invoice, form)
    left = invoice_requests.left(get(Invoice, invoice.id))
    valid, amount = form.validate(), form.wanted(total=invoice.gross, left=left)
    form.check_due_date(selling_day())
    if not valid or amount is None or form.due_date.errors:
        return _page(invoice, form, status=422)
    try:
        row = invoice_requests.create(
            invoice.id,
            amount=amount,
            purpose=form.purpose.data or "",
            due_date=form.due_date.data,
            collection=form.collection.data,
            contact_id=form.contact_id.data,
            form_key=form.key,
            by=me(),
            route_id=form.route_id.data,
        )
    except Refusal as refusal:
        beside = requesting.stands_beside(form, refusal)
        return _page(_load(number), form, None if beside else refusal, 422 if beside else refusal.status)
    flash(_("%(number)s is created", number=row.number), "ok")
    return see_other(requesting.next_step(row, url_for("invoices.show", number=number)))


def _load(number: str) -> InvoiceView:
    return invoices.view(number, me(), selling_day())


def _offer(invoice: InvoiceView, form: RequestForm) -> None:
    like = routes.wanted(invoice.account_id, Money.zero(invoice.gross.currency), get(Invoice, invoice.id).order_id)
    requesting.offer(invoice.account_id, form, routes.fitting(routes.load(), like))


def _page(invoice: InvoiceView, form: RequestForm, refusal: Refusal | None = None, status: int = 200) -> Response:
    _offer(invoice, form)
    row, home = get(Invoice, invoice.id), url_for("invoices.show", number=invoice.number)
    facts = {
        "list": Link(_("Invoices"), url_for("invoices.index")),
        "number": invoice.number,
        "source": home,
        "customer": invoice.customer,
        "total": invoice.gross,
        "total_is": _("Invoice total"),
        "share_is": _("A share of the invoice"),
        "left": invoice_requests.left(row),
        "parts": (),
        "blocks": invoice_requests.blocks(row),
        "unapplied": None,
        "action": url_for("payments.create_for_invoice", number=invoice.number),
        "home": home,
        "back": _("Back to the invoice"),
    }
    return requesting.page(facts, form, refusal, status)
