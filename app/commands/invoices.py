"""Invoices: what is billed, with its tax, numbered when issued."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import select

from .. import clock, numbering
from ..db import db
from ..models import Account, Actor, Company, Invoice, InvoiceKind, InvoiceLine, PaymentOrder, SalesOrder
from ..money import Money, Totals, round_half_up
from ..states.invoice import InvoiceEvent, InvoiceStatus


def for_payment(order: SalesOrder, payment_order: PaymentOrder, *, by: Actor) -> Invoice:
    """The invoice that a captured payment settles: the order's own if it pays the whole, else a deposit invoice for
    the part, with its tax. Made once per payment order. Inside a transaction, order locked.
    """
    if payment_order.invoice_id is not None:
        return db.session.get_one(Invoice, payment_order.invoice_id)
    totals = order.totals()
    whole = payment_order.amount == totals.gross.minor and not _billed(order)
    invoice = _full(order, totals) if whole else _deposit(order, totals, payment_order.money)
    _issue(invoice, order, due=_today(), by=by)
    payment_order.invoice_id = invoice.id
    return invoice


def _billed(order: SalesOrder) -> bool:
    return db.session.scalar(select(Invoice.id).where(Invoice.order_id == order.id).limit(1)) is not None


def _today() -> date:
    return clock.today(db.session.get_one(Company, 1).time_zone)


def _full(order: SalesOrder, totals: Totals) -> Invoice:
    invoice = _invoice(order, InvoiceKind.FULL, totals.net, totals.tax)
    invoice.tax_by_rate = [_tax(t.rate, t.base, t.tax) for t in totals.by_rate]
    invoice.lines = [
        InvoiceLine(
            order_line_id=line.id,
            position=line.position,
            sku=line.sku,
            description=line.description,
            quantity=line.quantity,
            unit_price=line.unit_price,
            discount_percent=line.discount_percent,
            tax_rate=line.tax_rate,
            amount=line.amount(order.currency).minor,
        )
        for line in order.lines
    ]
    return invoice


def _deposit(order: SalesOrder, totals: Totals, amount: Money) -> Invoice:
    """The part of each tax rate's gross that the payment covers; tax is taken out of it, so the sum is exact."""
    shares = amount.allocate([t.base.minor + t.tax.minor for t in totals.by_rate])
    lines, by_rate = [], []
    net = tax = Money.zero(order.currency)
    for position, (rate_total, share) in enumerate(zip(totals.by_rate, shares, strict=True), start=1):
        rate = rate_total.rate
        part = Money(round_half_up(share.minor * rate / (100 + rate)), order.currency)
        base = share - part
        net, tax = net + base, tax + part
        by_rate.append(_tax(rate, base, part))
        lines.append(
            InvoiceLine(
                position=position,
                description=f"Deposit for order {order.number}",
                quantity=Decimal(1),
                unit_price=base.major,
                tax_rate=rate,
                amount=base.minor,
            )
        )
    invoice = _invoice(order, InvoiceKind.DEPOSIT, net, tax)
    invoice.prices_include_tax = False
    invoice.tax_by_rate, invoice.lines = by_rate, lines
    return invoice


def _invoice(order: SalesOrder, kind: InvoiceKind, net: Money, tax: Money) -> Invoice:
    invoice = Invoice(
        kind=kind,
        account_id=order.account_id,
        order_id=order.id,
        currency=order.currency,
        net=net.minor,
        tax=tax.minor,
        gross=(net + tax).minor,
        rounding_rule=order.rounding_rule,
        prices_include_tax=order.prices_include_tax,
        billing=billing_facts(order),
    )
    db.session.add(invoice)
    return invoice


def _tax(rate: Decimal, base: Money, tax: Money) -> dict[str, Any]:
    return {"rate": str(rate), "base": base.minor, "tax": tax.minor}


def billing_facts(order: SalesOrder) -> dict[str, Any]:
    """Who is billed, as it was on the day: name, address lines, tax id and status."""
    account = db.session.get_one(Account, order.account_id)
    address = order.billing_address or account.billing_address
    return {
        "name": account.name,
        "number": account.number,
        "address": address.lines if address else [account.name],
        "tax_id": account.tax_id,
        "tax_status": account.tax_status.value,
        "order": order.number,
    }


def _issue(invoice: Invoice, order: SalesOrder, *, due: date, by: Actor) -> None:
    """Take the number and fix the dates; from here on only allocations and credit notes change it."""
    today = _today()
    db.session.flush()
    invoice.number = numbering.take("invoice")
    invoice.issued_on = today
    invoice.supply_date = order.start_date or today
    invoice.due_date = max(due, today)
    invoice.transition(
        InvoiceEvent.ISSUE, by=by, number=invoice.number, amount=invoice.gross, currency=invoice.currency
    )


def overdue(invoice: Invoice, today: date) -> bool:
    open_states = (InvoiceStatus.ISSUED, InvoiceStatus.PART_PAID)
    return invoice.status in open_states and invoice.due_date is not None and invoice.due_date < today
