"""The invoice of one period of an agreement. It names no order, since it is none of what the order itself comes to."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from ... import clock, numbering
from ...db import db
from ...models import (
    Account,
    Actor,
    AgreementLine,
    CollectionMethod,
    Invoice,
    InvoiceKind,
    InvoiceLine,
    PaymentAgreement,
    ScheduledPayment,
)
from ...money import Totals, line_amount, next_part
from ...states.invoice import InvoiceEvent, InvoiceStatus
from . import invoices


def issue(agreement: PaymentAgreement, period: ScheduledPayment, *, by: Actor) -> Invoice:
    """Issued today: due at once where a card is charged, else after the account's payment terms. Made once a period by
    the caller. Inside a transaction, account held."""
    whole = agreement.totals()
    invoice = _whole(agreement, period, whole) if whole.gross == period.money else _part(agreement, period, whole)
    today = clock.today(agreement.zone)
    invoice.number = numbering.take("invoice")
    invoice.issued_on, invoice.supply_date = today, period.covers_from
    invoice.due_date = today + timedelta(days=_terms(agreement))
    db.session.add(invoice)
    invoice.transition(
        InvoiceEvent.ISSUE, by=by, number=invoice.number, amount=invoice.gross, currency=invoice.currency
    )
    return invoice


def _terms(agreement: PaymentAgreement) -> int:
    if agreement.collection is CollectionMethod.SAVED_METHOD:
        return 0
    return db.session.get_one(Account, agreement.account_id).payment_terms_days


def span(first: date, last: date) -> str:
    """As it stands on papers: `1 Feb 2027 to 28 Feb 2027`."""
    return f"{first.day} {first:%b %Y} to {last.day} {last:%b %Y}"


def _whole(agreement: PaymentAgreement, period: ScheduledPayment, whole: Totals) -> Invoice:
    invoice = _invoice(agreement, whole)
    invoice.prices_include_tax = agreement.prices_include_tax
    covers = span(period.covers_from, period.covers_to)
    invoice.lines = [_line(line, agreement.currency, covers) for line in agreement.lines]
    return invoice


def _line(line: AgreementLine, currency: str, covers: str) -> InvoiceLine:
    names = ("order_line_id", "position", "sku", "quantity", "unit_price", "discount_percent", "tax_rate")
    return InvoiceLine(
        description=f"{line.description}, {covers}"[:500],
        amount=line_amount(line.priced, currency).minor,
        **{name: getattr(line, name) for name in names},
    )


def _part(agreement: PaymentAgreement, period: ScheduledPayment, whole: Totals) -> Invoice:
    """A line for what each tax rate gives to a period that was cut short."""
    part = next_part(whole, [], period.money)
    if part.gross != period.money:
        raise ValueError(f"{agreement.number}: period {period.period} is not what was agreed")
    invoice = _invoice(agreement, part)
    invoice.prices_include_tax = False
    covers = span(period.covers_from, period.covers_to)
    invoice.lines = [
        InvoiceLine(
            position=n,
            description=f"Agreement {agreement.number}, part of a period: {covers}",
            quantity=Decimal(1),
            unit_price=t.base.major,
            tax_rate=t.rate,
            amount=t.base.minor,
        )
        for n, t in enumerate(part.by_rate, start=1)
    ]
    return invoice


def _invoice(agreement: PaymentAgreement, of: Totals) -> Invoice:
    return Invoice(
        kind=InvoiceKind.FULL,
        status=InvoiceStatus.DRAFT,
        account_id=agreement.account_id,
        currency=agreement.currency,
        net=of.net.minor,
        tax=of.tax.minor,
        gross=of.gross.minor,
        rounding_rule=agreement.rounding_rule,
        tax_by_rate=[{"rate": str(t.rate), "base": t.base.minor, "tax": t.tax.minor} for t in of.by_rate],
        billing=invoices.billing_facts(agreement.order, agreement.account_id),
    )
