"""A further payment order on an order: how much, what for, until when, from whom, and how it is collected."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from flask import Response, flash, make_response, render_template, url_for
from flask_babel import gettext as _

from ...access import Permission, can, me, requires
from ...commands.payments import order_requests, payment_orders
from ...db import get
from ...errors import Refusal
from ...hypermedia import see_other
from ...models import CollectionMethod, PaymentOrder, SalesOrder
from ...money import Money
from ...queries import routes
from ...queries.orders import editing
from ...queries.orders.facts import Facts
from ...queries.orders.facts import load as load_order
from ...queries.orders.views import Link
from ...queries.payments import shares
from ...queries.payments.shares import Share
from . import answers, bp
from .forms import RequestForm, complain

# Which permission the next step of a collection method needs, and where it is.
NEXT_STEPS = {
    CollectionMethod.PAYMENT_LINK: (Permission.PAYMENT_LINK_SEND, "payments.preflight"),
    CollectionMethod.SAVED_METHOD: (Permission.PAYMENT_COLLECT, "payments.collect_order"),
    CollectionMethod.STAFF_CARD: (Permission.PAYMENT_COLLECT, "payments.collect_order"),
}


@bp.get("/orders/<number>/payment-orders/new")
@requires(Permission.PAYMENT_ORDER_CREATE)
def new(number: str) -> Response:
    order = load_order(number, me())
    due = order.today + timedelta(days=order.row.payment_terms_days)
    known = {
        "purpose": _("Payment for order %(number)s", number=number),
        "contact_id": order.row.contact_id,
        "due_date": due,
    }
    return _page(order, RequestForm(formdata=None, data=known))


@bp.post("/orders/<number>/payment-orders/new")
@requires(Permission.PAYMENT_ORDER_CREATE)
def create(number: str) -> Response:
    order, form = load_order(number, me()), RequestForm()
    parts = _offer(order, form)
    valid, amount = form.validate(), form.wanted(total=order.totals.gross, left=_left(order), shares=parts)
    form.check_due_date(order.today)
    if not valid or amount is None or form.due_date.errors:
        return _page(order, form, status=422)
    try:
        row = _create(order, form, amount)
    except Refusal as refusal:
        return _refused(number, form, refusal)
    flash(_("%(number)s is created", number=row.number), "ok")
    return see_other(next_step(row))


def _create(order: Facts, form: RequestForm, amount: Money) -> PaymentOrder:
    return order_requests.create(
        order.row.id,
        amount=amount,
        purpose=form.purpose.data or "",
        due_date=form.due_date.data,
        collection=form.collection.data,
        contact_id=form.contact_id.data,
        form_key=form.key,
        by=me(),
        line_ids=form.line_ids,
        route_id=form.route_id.data,
    )


def _refused(number: str, form: RequestForm, refusal: Refusal) -> Response:
    if stands_beside(form, refusal):
        return _page(load_order(number, me()), form, status=422)
    return _page(load_order(number, me()), form, refusal, refusal.status)


def stands_beside(form: RequestForm, refusal: Refusal) -> bool:
    """What is wrong with a field stands beside it; the rest on top."""
    amount = dict.fromkeys(("more_than_due", "not_positive", "lines_changed"), form.chosen)
    beside = {**amount, "no_contact": form.contact_id, "route_unfit": form.route_id}
    field = beside.get(refusal.code)
    if field is not None:
        complain(field, f"{refusal.sentence} {refusal.help}".strip())
    return field is not None


def next_step(row: PaymentOrder, back: str | None = None) -> str:
    """Where it is collected, which leads `back` in the end."""
    permission, endpoint = NEXT_STEPS.get(row.collection, (None, ""))
    if permission is not None and can(permission):
        return url_for(endpoint, number=row.number, next=back)
    return url_for("payments.show", number=row.number)


def _left(order: Facts) -> Money:
    return payment_orders.left_to_request(get(SalesOrder, order.row.id))


def _offer(order: Facts, form: RequestForm) -> list[Share]:
    """What may be chosen; returns the order's lines."""
    offer(order.row.account_id, form, routes.fitting(routes.of(order.row), order.like(Money.zero(order.row.currency))))
    parts = shares.of_order(get(SalesOrder, order.row.id))
    form.share.choices = [*form.share.choices, ("lines", _("Some of its lines"))]
    form.lines.choices = [(part.line_id, part.words) for part in parts]
    return parts


def offer(account_id: int, form: RequestForm, ways: Sequence[routes.Way]) -> None:
    form.contact_id.choices = editing.contacts(account_id)
    form.share.choices = [("rest", _("What remains")), ("percent", _("A share")), ("amount", _("Another amount"))]
    named = [(str(way.route.id), f"{way.route.name}, {way.gateway.name}") for way in ways]
    form.route_id.choices = [("", _("By the rules")), *named]


def _page(order: Facts, form: RequestForm, refusal: Refusal | None = None, status: int = 200) -> Response:
    number, parts = order.row.number, _offer(order, form)
    facts = {
        "list": Link(_("Orders"), url_for("orders.index")),
        "number": number,
        "source": url_for("orders.show", number=number),
        "customer": order.row.account_name,
        "total": order.totals.gross,
        "total_is": _("Order total"),
        "share_is": _("A share of the order, such as a deposit"),
        "left": _left(order),
        "parts": parts,
        "blocks": order_requests.blocks(get(SalesOrder, order.row.id)),
        "unapplied": order.unapplied,
        "action": url_for("payments.create", number=number),
        "home": answers.order_page(number),
        "back": _("Back to the order"),
    }
    return page(facts, form, refusal, status)


def page(facts: dict[str, Any], form: RequestForm, refusal: Refusal | None, status: int) -> Response:
    """`facts` say what is asked for: an order, or an invoice."""
    return make_response(render_template("payments/new.html", form=form, refusal=refusal, **facts), status)
