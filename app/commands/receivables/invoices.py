"""Invoices: what is billed, with its tax, numbered when issued."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import bindparam, literal, select, union_all

from ... import clock, numbering
from ...db import db, read_columns
from ...models import Account, Actor, Company, CreditNote, Invoice, InvoiceKind, InvoiceLine, PaymentOrder, SalesOrder
from ...money import Money, TaxTotal, Totals, left_of, next_part
from ...queries.receivables import deposits, figures
from ...states.invoice import EDGES, OPEN, TOWARDS, InvoiceEvent, InvoiceStatus, Standing, derive
from ..agreements import outcomes

BILLED = union_all(
    select(literal(1), Invoice.tax_by_rate).where(
        Invoice.order_id == bindparam("order_id_"), Invoice.number.is_not(None)
    ),
    select(literal(-1), CreditNote.tax_by_rate).where(CreditNote.order_id == bindparam("order_id_")),
)


def for_payment(order: SalesOrder, payment_order: PaymentOrder, *, by: Actor) -> Invoice | None:
    """The invoice that a captured payment settles; None where all of the order is invoiced already. Made once per
    payment order. Inside a transaction, order locked."""
    if payment_order.invoice_id is not None:
        return db.session.get_one(Invoice, payment_order.invoice_id)
    today, invoice = _today(), _next(order, payment_order.money)
    if invoice is None:
        return None
    _issue(invoice, order, today, due=today, by=by)
    payment_order.invoice_id = invoice.id
    return invoice


def on_terms(order: SalesOrder, *, by: Actor, most: Money | None = None) -> Invoice | None:
    """What of the order is not invoiced yet, at `most` so much, due after its payment terms; None where
    nothing is left. Inside a transaction, order locked."""
    today, invoice = _today(), _next(order, most or order.totals().gross)
    if invoice is None:
        return None
    _issue(invoice, order, today, due=today + timedelta(days=order.payment_terms_days), by=by)
    return invoice


def _next(order: SalesOrder, amount: Money) -> Invoice | None:
    """What bills `amount` of the order, never more than is left: its own invoice if that is the whole of it, the final
    one if it is the rest after deposits, else a deposit invoice for the part, with its tax.

    The invoices of an order add up to its net and tax, rate by rate, once all of it is billed.
    """
    totals, done = order.totals(), billed(order)
    part = next_part(totals, done, amount)
    if not part.gross:
        return None
    if part.gross == totals.gross:
        return _full(order, totals)
    return _final(order, totals, done, part) or _deposit(order, part)


def billed(order: SalesOrder) -> list[TaxTotal]:
    """What the order's invoices hold already, tax rate by tax rate; what was credited may be invoiced again."""
    billed: Any = read_columns(BILLED, order_id_=order.id)
    return [
        TaxTotal(Decimal(t["rate"]), Money(sign * t["base"], order.currency), Money(sign * t["tax"], order.currency))
        for sign, by_rate in billed
        for t in by_rate
    ]


def _today() -> date:
    return clock.today(db.session.get_one(Company, 1).time_zone)


def _full(order: SalesOrder, totals: Totals) -> Invoice:
    invoice = _invoice(order, InvoiceKind.FULL, totals)
    invoice.lines = _lines(order)
    return invoice


def _final(order: SalesOrder, totals: Totals, done: list[TaxTotal], part: Totals) -> Invoice | None:
    """The order's lines in full, less what deposit invoices billed of them, and what was credited of that again if the
    part bills it. None where the part is not all that is left, with or without what was credited; where something else
    than deposits was billed, and where they took more of a rate than it has by now."""
    taken = deposits.of_order(order.id)
    if left_of(totals, (x.tax for x in taken)) != left_of(totals, done):
        return None
    for deducted in (taken, [x for x in taken if not x.credit]):
        rest = left_of(totals, (x.tax for x in deducted))
        if part.gross == rest.gross and all(t.gross.minor >= 0 for t in rest.by_rate):
            invoice = _invoice(order, InvoiceKind.FINAL, rest)
            invoice.deductions = [x.kept for x in deducted]
            invoice.lines = _lines(order)
            return invoice
    return None


def _lines(order: SalesOrder) -> list[InvoiceLine]:
    return [
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


def _deposit(order: SalesOrder, part: Totals) -> Invoice:
    """A line for what each tax rate gives to the part."""
    invoice = _invoice(order, InvoiceKind.DEPOSIT, part)
    invoice.prices_include_tax = False
    invoice.lines = [
        InvoiceLine(
            position=position,
            description=f"Deposit for order {order.number}",
            quantity=Decimal(1),
            unit_price=t.base.major,
            tax_rate=t.rate,
            amount=t.base.minor,
        )
        for position, t in enumerate(part.by_rate, start=1)
    ]
    return invoice


def _invoice(order: SalesOrder, kind: InvoiceKind, of: Totals) -> Invoice:
    invoice = Invoice(
        kind=kind,
        status=InvoiceStatus.DRAFT,
        account_id=order.account_id,
        order_id=order.id,
        currency=order.currency,
        net=of.net.minor,
        tax=of.tax.minor,
        gross=of.gross.minor,
        tax_by_rate=[{"rate": str(t.rate), "base": t.base.minor, "tax": t.tax.minor} for t in of.by_rate],
        rounding_rule=order.rounding_rule,
        prices_include_tax=order.prices_include_tax,
        billing=billing_facts(order, order.account_id),
    )
    db.session.add(invoice)
    return invoice


def billing_facts(order: SalesOrder | None, account_id: int) -> dict[str, Any]:
    """Who is billed, as it was on the day: name, address as lines and in its parts, tax id and status."""
    account = db.session.get_one(Account, account_id)
    address = (order.billing_address if order else None) or account.billing_address
    return {
        "name": account.name,
        "number": account.number,
        "address": address.lines if address else [account.name],
        "place": address.place if address else None,
        "tax_id": account.tax_id,
        "tax_status": account.tax_status.value,
        "order": order.number if order else "",
    }


def _issue(invoice: Invoice, order: SalesOrder, today: date, *, due: date, by: Actor) -> None:
    """Take the number and fix the dates; from here on only allocations and credit notes change it."""
    invoice.number = numbering.take("invoice")
    invoice.issued_on = today
    invoice.supply_date = order.start_date or today
    invoice.due_date = max(due, today)
    invoice.transition(
        InvoiceEvent.ISSUE, by=by, number=invoice.number, amount=invoice.gross, currency=invoice.currency
    )


def settle(
    invoice: Invoice,
    *,
    by: Actor,
    because: str | None = None,
    event: str = "allocated",
    standing: Standing | None = None,
    **told: Any,
) -> None:
    """Let the invoice stand where its figures put it, or `standing` where they are known, after `told` changed them;
    what moves nothing is remembered as `event`. Inside a transaction, account locked."""
    target = derive(standing or figures.of_invoice(invoice.id))
    paid_again = target is InvoiceStatus.PART_PAID and told.get("amount", 0) > 0 and event == "allocated"
    if target is invoice.status and not paid_again:
        invoice.record(event, by=by, because=because, **told)
        return
    move = next(e for e in TOWARDS[target] if EDGES.get((invoice.status, e)) is target)
    invoice.transition(move, by=by, because=because, **told)
    if invoice.order_id is None:
        outcomes.bill_moved(invoice, by=by)


def overdue(invoice: Invoice, today: date) -> bool:
    return invoice.status in OPEN and invoice.due_date is not None and invoice.due_date < today
