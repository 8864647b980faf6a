"""Cancelling a payment order that has collected nothing."""

from __future__ import annotations

from flask import Response, url_for
from flask_babel import gettext as _

from ...access import Permission, me, requires
from ...commands.payments import payment_orders
from ...errors import Refusal
from ...formatting import money
from ...queries.payments.facts import Collection, load
from . import answers, bp
from .forms import ReasonForm


@bp.get("/payments/<number>/cancellation")
@requires(Permission.PAYMENT_ORDER_CREATE)
def cancel_form(number: str) -> Response:
    return _dialog(load(number, me()), ReasonForm(formdata=None))


@bp.post("/payments/<number>/cancellation")
@requires(Permission.PAYMENT_ORDER_CREATE)
def cancel(number: str) -> Response:
    collection, form = load(number, me()), ReasonForm()
    if not form.validate():
        return _dialog(collection, form, status=422)
    try:
        payment_orders.cancel(collection.row.id, because=form.reason.data or "", by=me())
    except Refusal as refusal:
        return _dialog(load(number, me()), form, refusal, refusal.status)
    return answers.changed(collection, _("%(number)s is withdrawn", number=number))


def _dialog(collection: Collection, form: ReasonForm, refusal: Refusal | None = None, status: int = 200) -> Response:
    amount = money(collection.source.money(collection.row.amount))
    return answers.dialog(
        collection,
        status,
        form=form,
        refusal=refusal,
        title=_("Withdraw %(number)s over %(amount)s", number=collection.number, amount=amount),
        consequence=_("Its link dies, and the amount can be requested anew. It cannot be undone."),
        submit=_("Withdraw the payment order"),
        action=url_for("payments.cancel", number=collection.number, next=answers.back("") or None),
        danger=True,
    )
