"""What a mail about an order would really say today, kind by kind: for previews. What has not happened yet is not here,
and is made up by whoever shows it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from .. import clock, settings
from ..db import db
from ..mail import agreement_kinds, dunning_kinds, kinds, reminder_kinds
from ..models import (
    Attempt,
    CreditNote,
    DunningCase,
    Invoice,
    PaymentAgreement,
    PaymentIntent,
    PaymentOrder,
    Receipt,
    SalesOrder,
    ScheduledPayment,
)
from ..money import Money
from ..states import declines
from ..states.attempt import AttemptStatus
from ..states.intent import IntentStatus
from ..states.invoice import InvoiceStatus
from ..states.scheduled_payment import ScheduledStatus
from . import ledger
from .agreements import words
from .receivables import figures

Facts = dict[str, Any]


def of(kind: str, order: SalesOrder, due_now: Money) -> Facts:
    """`due_now`: what is asked for at signature."""
    found = NEWEST.get(kind)
    return _known(order, due_now) | (found(order) if found else {})


def _known(order: SalesOrder, due_now: Money) -> Facts:
    total = order.totals().gross
    person = order.contact.name if order.contact else order.account.name
    return {
        "name": person,
        "person": person,
        "number": order.number,
        "order": order.number,
        "page": f"/orders/{order.number}",
        "customer": order.account.name,
        "account": order.account.name,
        "total": total,
        "due_now": due_now,
        "amount": due_now,
        "open": total,
        "expires_at": clock.now() + timedelta(days=settings.get(settings.PAYMENT_LINK_DAYS)),
    }


def _first(query: Any, model: Any) -> Any:
    return db.session.scalars(query.order_by(model.id.desc()).limit(1)).first()


def _payment_link(order: SalesOrder) -> Facts:
    row = _first(select(PaymentOrder).where(PaymentOrder.order_id == order.id), PaymentOrder)
    if row is None:
        return {}
    live = (PaymentIntent.payment_order_id == row.id) & (PaymentIntent.status == IntentStatus.LIVE)
    intent = db.session.scalars(select(PaymentIntent).where(live)).first()
    owed = Money(ledger.figures([row.id])[row.id].balance, row.currency) or row.money
    asked = {"amount": intent.money, "expires_at": intent.expires_at} if intent else {"amount": owed}
    return {"purpose": row.purpose} | asked


def _receipt(order: SalesOrder) -> Facts:
    query = select(Receipt).join(PaymentOrder, PaymentOrder.id == Receipt.payment_order_id)
    row = _first(query.where(PaymentOrder.order_id == order.id, ~Receipt.reversal), Receipt)
    if row is None:
        return {}
    purpose = db.session.get_one(PaymentOrder, row.payment_order_id).purpose
    return {
        "number": row.number,
        "receipt": row.number,
        "amount": row.money,
        "paid_with": row.paid_with,
        "paid_at": row.received_on or row.at,
        "purpose": purpose,
    }


def _order_paid(order: SalesOrder) -> Facts:
    """As the receipt, but for the number, which is the order's own."""
    return _receipt(order) | {"number": order.number}


def _declined(order: SalesOrder) -> Facts:
    query = select(Attempt).join(PaymentOrder, PaymentOrder.id == Attempt.payment_order_id)
    mine = (PaymentOrder.order_id == order.id) & (Attempt.status == AttemptStatus.DECLINED)
    row = _first(query.where(mine), Attempt)
    if row is None:
        return {}
    found = declines.explain(row.decline_code, row.advice)
    return {"amount": row.money, "card": row.card_label, "reason": f"{found.staff} {found.staff_next}"}


def _invoice(order: SalesOrder) -> Facts:
    row = _first(
        select(Invoice).where(Invoice.order_id == order.id, Invoice.status != InvoiceStatus.DRAFT),
        Invoice,
    )
    if row is None:
        return {}
    late = max((clock.now().date() - row.due_date).days, 0) if row.due_date else 0
    still_open = Money(figures.of_invoice(row.id).due, row.currency)
    known = {"number": row.number, "invoice": row.number, "amount": Money(row.gross, row.currency)}
    return known | {"open": still_open, "due_on": row.due_date, "late": late}


def _credit_note(order: SalesOrder) -> Facts:
    row = _first(select(CreditNote).where(CreditNote.order_id == order.id), CreditNote)
    if row is None:
        return {}
    return {
        "number": row.number,
        "invoice": row.invoice.number or "",
        "amount": row.money,
        "received": Money(row.received, row.currency),
        "reason": row.note or str(row.reason).capitalize(),
    }


def _agreement(order: SalesOrder) -> Facts:
    row = _first(select(PaymentAgreement).where(PaymentAgreement.order_id == order.id), PaymentAgreement)
    if row is None:
        return {}
    coming = (ScheduledPayment.agreement_id == row.id) & (ScheduledPayment.status == ScheduledStatus.SCHEDULED)
    query = select(ScheduledPayment).where(coming).order_by(ScheduledPayment.period).limit(1)
    due = db.session.scalars(query).first()
    card = row.method.label if row.method else ""
    expiry = {"month": f"{row.method.exp_month:02d}/{row.method.exp_year}"} if row.method else {}
    return expiry | {
        "number": row.number,
        "amount": due.money if due else row.totals().gross,
        "often": words.often(row.frequency, row.every),
        "collected": words.collected(row.collection, card or None),
        "card": card,
        "next_on": due.due_on if due else None,
        "due_on": due.due_on if due else clock.today(row.zone),
        "until": row.paused_until or row.last_day,
        "last_day": row.last_day or clock.today(row.zone),
        "purpose": f"Agreement {row.number}",
    }


def _dunning(order: SalesOrder) -> Facts:
    query = select(DunningCase).join(PaymentAgreement, PaymentAgreement.id == DunningCase.agreement_id)
    case = _first(query.where(PaymentAgreement.order_id == order.id), DunningCase)
    facts = _agreement(order)
    if case is None:
        return facts
    asked = db.session.get(PaymentOrder, case.payment.payment_order_id) if case.payment.payment_order_id else None
    return facts | {
        "amount": case.payment.money,
        "reason": case.reason,
        "purpose": asked.purpose if asked else facts["purpose"],
    }


NEWEST: dict[str, Callable[[SalesOrder], Facts]] = {
    kinds.PaymentLink.kind: _payment_link,
    kinds.PaymentReceipt.kind: _receipt,
    kinds.RefundSent.kind: _receipt,
    kinds.AuthorizationReleased.kind: _receipt,
    kinds.OrderPaid.kind: _order_paid,
    kinds.PaymentDeclined.kind: _declined,
    kinds.InvoiceSent.kind: _invoice,
    reminder_kinds.InvoiceReminded.kind: _invoice,
    kinds.CreditNoteSent.kind: _credit_note,
    agreement_kinds.AgreementTold.kind: _agreement,
    agreement_kinds.TermEndsNotice.kind: _agreement,
    **{kind.kind: _dunning for kind in dunning_kinds.KINDS},
    dunning_kinds.CardExpires.kind: _agreement,
    dunning_kinds.CardExpiresNotice.kind: _agreement,
}
