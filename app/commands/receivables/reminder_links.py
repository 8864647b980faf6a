"""The payment link that a reminder carries: the one that lives, or a new one where the invoice can be paid by card."""

from __future__ import annotations

from sqlalchemy import select

from ... import audit, clock
from ...db import db, get, lock
from ...errors import Refusal
from ...models import Actor, CollectionMethod, IntentPurpose, Invoice, PaymentIntent, PaymentOrder, SalesOrder
from ...money import Money
from ...queries import ledger, routes
from ...queries.invoices import reminders
from ...queries.receivables import figures
from ...states.payment_order import PaymentOrderStatus
from ..payments import invoice_requests, payment_links


def of(invoice: Invoice, *, by: Actor) -> PaymentIntent | None:
    """It asks for just what is due, as the mail says; where nothing asks for that yet, a payment order is made. None
    where staff see to the payment, or nothing may be asked for. Inside a transaction, account locked."""
    row = _asking(invoice)
    if (known := _known(invoice, row)) is not None or not _can_open(invoice, row):
        return known
    if row is None:
        order, purpose = lock(SalesOrder, invoice.order_id), f"Invoice {invoice.number}"
        row = invoice_requests.open_one(invoice, order, _due(invoice), purpose=purpose, by=by, due=invoice.due_date)
    intent = payment_links.open_intent(row, IntentPurpose.LINK, payment_links.new_end(row), by=by)
    audit.note("payment_link.open", row.number, by=by, after={"invoice": invoice.number, "amount": intent.money})
    return intent


def carried(invoice: Invoice) -> bool:
    """Whether a reminder that goes out now carries one; nothing is written."""
    row = _asking(invoice)
    return _known(invoice, row) is not None or _can_open(invoice, row)


def _due(invoice: Invoice) -> Money:
    return Money(figures.of_invoice(invoice.id).due, invoice.currency)


def _known(invoice: Invoice, row: PaymentOrder | None) -> PaymentIntent | None:
    live = reminders.link_of(invoice.id, _due(invoice).minor)
    if live is not None:
        return get(PaymentIntent, live)
    return payment_links.usable_link(row.id) if row is not None else None


def _can_open(invoice: Invoice, row: PaymentOrder | None) -> bool:
    """A checkout that lives, of staff or one that was tried too often, is not replaced."""
    if row is not None:
        intent = payment_links.live_intent(row.id)
        lives = intent is not None and intent.expires_at > clock.now()
        return not lives and not payment_links.blocks(row)
    if invoice.order_id is None or invoice_requests.left(invoice) != _due(invoice):
        return False
    order = get(SalesOrder, invoice.order_id)
    return not payment_links.of_order(order) and not order.account.hold_reason and _has_way(order, _due(invoice))


def _has_way(order: SalesOrder, amount: Money) -> bool:
    try:
        routes.choose(routes.wanted(order.account_id, amount, order.id))
    except Refusal:
        return False
    return True


def _asking(invoice: Invoice) -> PaymentOrder | None:
    """The open payment order that asks for all that is due of the invoice and nothing else; not one that is agreed to
    come by bank transfer."""
    due, open_ones = figures.of_invoice(invoice.id).due, PaymentOrder.status == PaymentOrderStatus.OPEN
    asks = PaymentOrder.invoice_id == invoice.id
    if invoice.order_id is not None:
        whole = (PaymentOrder.order_id == invoice.order_id) & ~PaymentOrder.first
        asks |= whole & PaymentOrder.invoice_id.is_(None)
    query = select(PaymentOrder).where(asks, open_ones, PaymentOrder.collection != CollectionMethod.OFFLINE)
    rows = db.session.scalars(query.order_by(PaymentOrder.id.desc())).all()
    by_id = ledger.figures(row.id for row in rows)
    return next((x for x in rows if by_id[x.id].balance == due and _for_it_alone(x, invoice)), None)


def _for_it_alone(row: PaymentOrder, invoice: Invoice) -> bool:
    """What asks for the order as a whole pays its oldest invoice first."""
    if row.invoice_id is not None or invoice.order_id is None:
        return True
    return list(ledger.payable(invoice.order_id, beside=row.id)) == [invoice.id]
