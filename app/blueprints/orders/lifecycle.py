"""Taking an order back to draft, booking it on terms, cancelling it. Each asks first, naming what follows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Response, make_response, render_template
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from wtforms import TextAreaField
from wtforms.validators import InputRequired, Length

from ...access import Permission, me, requires
from ...commands.orders import orders
from ...commands.receivables import issuing
from ...errors import Refusal
from ...formatting import money
from ...queries.orders import payment, summary
from ...queries.orders.facts import Facts
from ..forms import Form
from . import bp, regions


class ReasonForm(Form):
    reason = TextAreaField(
        _("Reason"),
        [InputRequired(_("Say why.")), Length(max=500)],
        description=_("It stays with the order's history."),
    )


class BareForm(Form):
    """Nothing to fill in, only to confirm."""


@bp.get("/<number>/draft")
@requires(Permission.ORDER_EDIT)
def convert_to_draft_form(number: str) -> Response:
    return _draft_dialog(regions.load_order(number), ReasonForm(formdata=None))


@bp.post("/<number>/draft")
@requires(Permission.ORDER_EDIT)
def convert_to_draft(number: str) -> Response:
    def act(facts: Facts, form: Any) -> None:
        orders.convert_to_draft(facts.row.id, because=form.reason.data, by=me())

    return _confirmed(number, ReasonForm(), act, _draft_dialog, gettext("Back in draft"))


def _draft_dialog(facts: Facts, form: Form, refusal: Refusal | None = None, status: int = 200) -> Response:
    signed = facts.row.signed_at is not None and facts.row.closed_at is None
    voided = gettext("The signature is voided and every link dies.") if signed else gettext("Every link dies.")
    return _dialog(
        facts,
        form,
        refusal,
        status,
        title=gettext("Convert %(number)s to draft", number=facts.row.number),
        consequence=voided + " " + gettext("The customer sees that the order is being changed."),
        submit=gettext("Convert to draft"),
        where="draft",
        danger=signed,
    )


@bp.get("/<number>/booking")
@requires(Permission.ORDER_BOOK)
def book_form(number: str) -> Response:
    return _booking_dialog(regions.load_order(number), BareForm(formdata=None))


@bp.post("/<number>/booking")
@requires(Permission.ORDER_BOOK)
def book(number: str) -> Response:
    def act(facts: Facts, form: Any) -> None:
        orders.book(facts.row.id, by=me())

    return _confirmed(number, BareForm(), act, _booking_dialog, gettext("Booked"))


def _booking_dialog(facts: Facts, form: Form, refusal: Refusal | None = None, status: int = 200) -> Response:
    return _dialog(
        facts,
        form,
        refusal,
        status,
        title=gettext("Book %(number)s on terms", number=facts.row.number),
        consequence=gettext("Without signature or payment: it is activated, or scheduled for its start date, at once."),
        submit=gettext("Book on terms"),
        where="booking",
    )


@bp.get("/<number>/invoice")
@requires(Permission.INVOICE_ISSUE)
def issue_invoice_form(number: str) -> Response:
    return _invoice_dialog(regions.load_order(number), BareForm(formdata=None))


@bp.post("/<number>/invoice")
@requires(Permission.INVOICE_ISSUE)
def issue_invoice(number: str) -> Response:
    def act(facts: Facts, form: Any) -> None:
        issuing.on_terms(facts.row.id, by=me())

    return _confirmed(number, BareForm(), act, _invoice_dialog, gettext("Invoice issued"))


def _invoice_dialog(facts: Facts, form: Form, refusal: Refusal | None = None, status: int = 200) -> Response:
    return _dialog(
        facts,
        form,
        refusal,
        status,
        title=gettext("Issue the invoice of %(number)s", number=facts.row.number),
        consequence=gettext(
            "It bills %(amount)s, due in %(days)s days as the order says. An issued invoice changes only by "
            "credit note.",
            amount=money(payment.not_invoiced(facts)),
            days=facts.row.payment_terms_days,
        ),
        submit=gettext("Issue the invoice"),
        where="invoice",
    )


@bp.get("/<number>/cancellation")
@requires(Permission.ORDER_CANCEL)
def cancel_form(number: str) -> Response:
    return _cancel_dialog(regions.load_order(number), ReasonForm(formdata=None))


@bp.post("/<number>/cancellation")
@requires(Permission.ORDER_CANCEL)
def cancel(number: str) -> Response:
    def act(facts: Facts, form: Any) -> None:
        orders.cancel(facts.row.id, because=form.reason.data, by=me())

    return _confirmed(number, ReasonForm(), act, _cancel_dialog, gettext("Order cancelled"))


def _cancel_dialog(facts: Facts, form: Form, refusal: Refusal | None = None, status: int = 200) -> Response:
    return _dialog(
        facts,
        form,
        refusal,
        status,
        title=gettext("Cancel order %(number)s of %(name)s", number=facts.row.number, name=facts.row.account_name),
        consequence=gettext(
            "Links die, open requests are withdrawn, the opportunity opens again. It cannot be undone."
        ),
        submit=gettext("Cancel the order"),
        where="cancellation",
        danger=True,
    )


Dialog = Callable[..., Response]


def _confirmed(number: str, form: Form, act: Callable[[Facts, Any], None], dialog: Dialog, toast: str) -> Response:
    facts = regions.load_order(number)
    if not form.validate():
        return dialog(facts, form, None, 422)
    try:
        act(facts, form)
    except Refusal as refusal:
        return dialog(regions.load_order(number), form, refusal, refusal.status)
    return regions.changed(number, *regions.LIFE, toast=toast)


def _dialog(
    facts: Facts,
    form: Form,
    refusal: Refusal | None,
    status: int,
    *,
    title: str,
    consequence: str,
    submit: str,
    where: str,
    danger: bool = False,
) -> Response:
    head = summary.ref(facts)
    page = render_template(
        "orders/actions/confirm.html",
        order=head,
        form=form,
        refusal=refusal,
        title=title,
        consequence=consequence,
        submit=submit,
        action=f"{head.url}/{where}",
        danger=danger,
    )
    return make_response(page, status)
