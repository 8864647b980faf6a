"""What waits of money itself: charges and reversals whose end is not known, and steps that did not follow."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from sqlalchemy import ColumnElement, Row, and_, func, or_, select

from ... import clock
from ...access import Permission, can
from ...models import (
    Account,
    Attempt,
    Gateway,
    Movement,
    PaymentOrder,
    PostProcessing,
    Receipt,
    SalesOrder,
    Transaction,
    TransactionAction,
)
from ...money import Money
from ...states.attempt import AttemptStatus
from ...states.movement import MovementStatus
from ..orders.views import Link
from .views import Act, Keys, Slice, Waiting, cut

# What was sent just now is being answered.
UNDER_WAY = timedelta(minutes=1)


def charges() -> ColumnElement[bool]:
    began = and_(Attempt.status == AttemptStatus.STARTED, Attempt.created_at < _lately())
    lost = Attempt.status.in_((AttemptStatus.UNKNOWN, AttemptStatus.PENDING))
    return and_(Attempt.ask_at.is_not(None), or_(lost, began))


def movements() -> ColumnElement[bool]:
    began = and_(Movement.status == MovementStatus.STARTED, Movement.sent_from < _lately())
    return or_(Movement.status.in_((MovementStatus.UNKNOWN, MovementStatus.PENDING)), began)


def steps() -> ColumnElement[bool]:
    return and_(PostProcessing.done_at.is_(None), or_(PostProcessing.tries > 0, PostProcessing.updated_at < _lately()))


def _to_come(at: datetime | None) -> datetime | None:
    return at if at and at > clock.now() else None


def _lately() -> datetime:
    return clock.now() - UNDER_WAY


def _of_payment(query: Any) -> Any:
    """With the payment order that `query` is joined to already: its numbers and its customer."""
    return (
        query.add_columns(PaymentOrder.number, SalesOrder.number.label("order_number"), Account.name.label("customer"))
        .join(Account, Account.id == PaymentOrder.account_id)
        .outerjoin(SalesOrder, SalesOrder.id == PaymentOrder.order_id)
    )


def charge_rows(keys: Keys) -> tuple[Slice, tuple[Waiting, ...]]:
    query = (
        select(
            Attempt.id,
            Attempt.status,
            Attempt.amount,
            Attempt.currency,
            Attempt.error,
            Attempt.card_label,
            Attempt.created_at,
            Attempt.ask_at,
            Attempt.asked,
            Gateway.name.label("gateway"),
        )
        .join(PaymentOrder, PaymentOrder.id == Attempt.payment_order_id)
        .join(Gateway, Gateway.id == Attempt.gateway_id)
        .where(charges())
    )
    found, ask = cut(_of_payment(query), Attempt.id, keys), can(Permission.PAYMENT_ASK_GATEWAY)
    return found, tuple(_charge(row, ask) for row in found.rows)


def _charge(row: Row[Any], ask: bool) -> Waiting:
    url = url_for("operations.ask", attempt_id=row.id)
    return Waiting(
        id=row.id,
        title=_unclear(row.status),
        detail=" · ".join(filter(None, (row.card_label, row.gateway, row.error))),
        links=_links(row),
        names=row.customer,
        amount=Money(row.amount, row.currency),
        since=row.created_at,
        next_at=_to_come(row.ask_at),
        tries=row.asked,
        acts=(Act(_("Ask the gateway now"), url),) if ask else (),
    )


def _unclear(status: str) -> str:
    return {
        "started": _("Sent, and never answered"),
        "pending": _("The bank has not decided yet"),
        "unknown": _("The gateway gave no clear answer"),
    }[status]


def movement_rows(keys: Keys) -> tuple[Slice, tuple[Waiting, ...]]:
    query = (
        select(
            Movement.id,
            Movement.action,
            Movement.status,
            Movement.amount,
            Movement.currency,
            Movement.error,
            Movement.actor_name,
            Movement.created_at,
            Movement.ask_at,
            Movement.asked,
            Gateway.name.label("gateway"),
        )
        .join(PaymentOrder, PaymentOrder.id == Movement.payment_order_id)
        .join(Gateway, Gateway.id == Movement.gateway_id)
        .where(movements())
    )
    found, ask = cut(_of_payment(query), Movement.id, keys), can(Permission.PAYMENT_ASK_GATEWAY)
    return found, tuple(_movement(row, ask) for row in found.rows)


def _movement(row: Row[Any], ask: bool) -> Waiting:
    url = url_for("operations.ask_movement", movement_id=row.id)
    return Waiting(
        id=row.id,
        title=f"{action(row.action)}: {_unclear(row.status)[:1].lower()}{_unclear(row.status)[1:]}",
        detail=" · ".join(filter(None, (row.gateway, _("asked for by %(who)s", who=row.actor_name), row.error))),
        links=_links(row),
        names=row.customer,
        amount=Money(row.amount, row.currency),
        since=row.created_at,
        next_at=_to_come(row.ask_at),
        tries=row.asked,
        acts=(Act(_("Ask the gateway now"), url),) if ask else (),
    )


def action(value: TransactionAction) -> str:
    return {
        TransactionAction.AUTHORIZE: _("Authorization"),
        TransactionAction.CHARGE: _("Charge"),
        TransactionAction.CAPTURE: _("Capture"),
        TransactionAction.VOID: _("Void"),
        TransactionAction.REFUND: _("Refund"),
        TransactionAction.REFUND_FAILURE: _("Refund that came back"),
    }[value]


def step_rows(keys: Keys) -> tuple[Slice, tuple[Waiting, ...]]:
    query = (
        select(
            PostProcessing.id,
            PostProcessing.step,
            PostProcessing.error,
            PostProcessing.tries,
            Transaction.action,
            func.coalesce(Transaction.amount, Receipt.amount).label("amount"),
            func.coalesce(Transaction.currency, Receipt.currency).label("currency"),
            func.coalesce(Transaction.at, Receipt.at).label("at"),
            Receipt.number.label("receipt"),
            PaymentOrder.number,
            SalesOrder.number.label("order_number"),
            Account.name.label("customer"),
        )
        .outerjoin(Transaction, Transaction.id == PostProcessing.transaction_id)
        .outerjoin(Receipt, Receipt.id == PostProcessing.receipt_id)
        .outerjoin(
            PaymentOrder, PaymentOrder.id == func.coalesce(Transaction.payment_order_id, Receipt.payment_order_id)
        )
        .outerjoin(SalesOrder, SalesOrder.id == PaymentOrder.order_id)
        .join(Account, Account.id == func.coalesce(PaymentOrder.account_id, Receipt.account_id))
        .where(steps())
    )
    found, operate = cut(query, PostProcessing.id, keys), can(Permission.PAYMENT_OPERATE)
    return found, tuple(_step(row, operate) for row in found.rows)


def _step(row: Row[Any], operate: bool) -> Waiting:
    url = url_for("operations.retry", processing_id=row.id)
    what = _("Receipt %(number)s", number=row.receipt) if row.action is None else action(row.action)
    failed = _("%(action)s is safe, but this step failed: %(step)s", action=what, step=step(row.step))
    return Waiting(
        id=row.id,
        title=failed if row.step else _("%(action)s is safe, what follows is not done", action=what),
        detail=row.error or "",
        links=_links(row),
        names=row.customer,
        amount=Money(row.amount, row.currency),
        since=row.at,
        tries=row.tries,
        acts=(Act(_("Try again"), url),) if operate else (),
    )


def step(name: str | None) -> str:
    """The step of post-processing, in words; one that nobody named as it is."""
    return {
        None: "",
        "start": _("the beginning"),
        "receipt": _("the receipt"),
        "invoice": _("the invoice"),
        "order": _("the order's state"),
        "defaults": _("the account's defaults"),
        "mails": _("the mails"),
        "released": _("releasing the hold"),
        "follow_up": _("what follows money without a gateway"),
    }.get(name, name or "")


def _links(row: Row[Any]) -> tuple[Link, ...]:
    order = row.order_number and Link(row.order_number, url_for("orders.show", number=row.order_number))
    payment = row.number and Link(row.number, url_for("payments.show", number=row.number))
    return tuple(filter(None, (payment, order)))
