"""The invoice of one period of an agreement. It names no order, since it is none of what the order itself comes to."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy.orm.attributes import set_committed_value

from ... import clock, numbering
from ...ahead import new
from ...db import db, identify
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
    invoice.transition(
        InvoiceEvent.ISSUE, by=by, number=invoice.number, amount=invoice.gross, currency=invoice.currency
    )
    return invoice


def put_off(invoice: Invoice, agreement: PaymentAgreement, *, by: Actor) -> None:
    """Issued before, and first asked for today, so that it is due as one of today would be; its paper is to be written
    anew. Inside a transaction, account held."""
    before, invoice.due_date = invoice.due_date, _due_date(agreement)
    if invoice.due_date != before:
        invoice.record("put_off", by=by, number=invoice.number, day=invoice.due_date.isoformat())


def _due_date(agreement: PaymentAgreement) -> date:
    """Of what is asked for today."""
    return clock.today(agreement.zone) + timedelta(days=_terms(agreement))


def _terms(agreement: PaymentAgreement) -> int:
    if agreement.collection is CollectionMethod.SAVED_METHOD:
        return 0
    return db.session.get_one(Account, agreement.account_id).payment_terms_days


def span(first: date, last: date) -> str:
    """As it stands on papers: `1 Feb 2027 to 28 Feb 2027`."""
    return f"{first.day} {first:%b %Y} to {last.day} {last:%b %Y}"


def _whole(agreement: PaymentAgreement, period: ScheduledPayment, whole: Totals) -> Invoice:
    invoice = _invoice(agreement, period, whole, prices_include_tax=agreement.prices_include_tax)
    covers = span(period.covers_from, period.covers_to)
    return _consisting_of(invoice, (_line(line, agreement.currency, covers) for line in agreement.lines))


def _consisting_of(invoice: Invoice, lines: Iterable[dict[str, Any]]) -> Invoice:
    identify(invoice)
    set_committed_value(invoice, "lines", [new(InvoiceLine, invoice_id=invoice.id, **line) for line in lines])
    return invoice


def _line(line: AgreementLine, currency: str, covers: str) -> dict[str, Any]:
    names = ("order_line_id", "position", "sku", "quantity", "unit_price", "discount_percent", "tax_rate")
    return dict(
        description=f"{line.description}, {covers}"[:500],
        amount=line_amount(line.priced, currency).minor,
        **{name: getattr(line, name) for name in names},
    )


def _part(agreement: PaymentAgreement, period: ScheduledPayment, whole: Totals) -> Invoice:
    """A line for what each tax rate gives to a period that was cut short."""
    part = next_part(whole, [], period.money)
    if part.gross != period.money:
        raise ValueError(f"{agreement.number}: period {period.period} is not what was agreed")
    invoice = _invoice(agreement, period, part, prices_include_tax=False)
    covers = span(period.covers_from, period.covers_to)
    lines = (
        {
            "position": n,
            "description": f"Agreement {agreement.number}, part of a period: {covers}",
            "quantity": Decimal(1),
            "unit_price": t.base.major,
            "tax_rate": t.rate,
            "amount": t.base.minor,
        }
        for n, t in enumerate(part.by_rate, start=1)
    )
    return _consisting_of(invoice, lines)


def _invoice(agreement: PaymentAgreement, period: ScheduledPayment, of: Totals, *, prices_include_tax: bool) -> Invoice:
    return new(
        Invoice,
        number=numbering.take("invoice"),
        issued_on=clock.today(agreement.zone),
        supply_date=period.covers_from,
        due_date=_due_date(agreement),
        prices_include_tax=prices_include_tax,
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
