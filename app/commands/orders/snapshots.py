"""Freezing an order: what the customer is shown, in one canonical text with its hash (invariant 20)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from sqlalchemy import select

from ...canonical import dumps, sha256
from ...db import db, get
from ...models import (
    Address,
    Company,
    Contact,
    Frequency,
    Note,
    OrderFile,
    OrderLine,
    SalesOrder,
    Snapshot,
    TermsText,
    User,
)
from ...models.frozen import FORMAT
from ...money import Money, Totals, totals
from ..payments import first_payments, payment_orders

PERIOD_MONTHS = {Frequency.MONTHLY: 1, Frequency.QUARTERLY: 3, Frequency.YEARLY: 12}


def freeze(order: SalesOrder, contact: Contact) -> Snapshot:
    """A snapshot of the order as it stands, addressed to `contact`. Inside a transaction, order locked.

    Raises Refusal `plan_does_not_add_up`.
    """
    text = dumps(content_of(order, contact))
    row = Snapshot(order_id=order.id, edition=order.edition, content=text, sha256=sha256(text))
    db.session.add(row)
    db.session.flush()
    return row


def content_of(order: SalesOrder, contact: Contact) -> dict[str, Any]:
    """What `models.frozen.read` turns into a view; also what a preview shows before anything is frozen."""
    return {
        "format": FORMAT,
        "order": {
            "number": order.number,
            "edition": order.edition,
            "currency": order.currency,
            "prices_include_tax": order.prices_include_tax,
            "rounding_rule": order.rounding_rule,
            "quote_number": order.quote_number,
            "quote_version": order.quote_version,
        },
        "seller": _seller(get(Company, 1)),
        "customer": _customer(order),
        "contact": {"name": contact.name, "title": contact.title, "email": contact.email},
        "prepared_by": {"name": order.owner.name, "title": order.owner.title, "email": order.owner.email},
        "lines": [_line(line, order.currency) for line in order.lines],
        "totals": _totals(order),
        "terms": {
            "start_date": order.start_date,
            "term_months": order.term_months,
            "billing_frequency": order.billing_frequency,
            "renewal": order.renewal,
            "payment_terms_days": order.payment_terms_days,
        },
        "payment": _payment(order),
        "conditions": _conditions(),
        "shared": _shared(order),
    }


def _seller(company: Company) -> dict[str, Any]:
    logo = {"logo": company.logo} if company.logo else {}
    return logo | {
        "name": company.name,
        "address": [company.street, f"{company.postcode} {company.city}, {company.country}"],
        "tax_id": company.tax_id,
        "email": company.email,
        "phone": company.phone,
    }


def _customer(order: SalesOrder) -> dict[str, Any]:
    account = order.account
    return {
        "number": account.number,
        "name": account.name,
        "tax_id": account.tax_id,
        "tax_status": account.tax_status,
        "billing_address": _address(order.billing_address),
        "shipping_address": _address(order.shipping_address),
    }


def _address(address: Address | None) -> list[str]:
    return address.lines if address else []


def _line(line: OrderLine, currency: str) -> dict[str, Any]:
    return {
        "position": line.position,
        "sku": line.sku,
        "description": line.description,
        "quantity": line.quantity,
        "unit_price": line.unit_price,
        "discount_percent": line.discount_percent,
        "tax_rate": line.tax_rate,
        "frequency": line.frequency,
        "activation_date": line.activation_date,
        "amount": line.amount(currency).minor,
    }


def _totals(order: SalesOrder) -> dict[str, Any]:
    whole = order.totals()
    by_frequency: dict[Frequency, list[OrderLine]] = defaultdict(list)
    for line in order.lines:
        if line.frequency is not None:
            by_frequency[line.frequency].append(line)
    periods = {frequency: _sum(order, lines).gross for frequency, lines in by_frequency.items()}
    return {
        "net": whole.net.minor,
        "tax": whole.tax.minor,
        "gross": whole.gross.minor,
        "by_rate": [{"rate": t.rate, "base": t.base.minor, "tax": t.tax.minor} for t in whole.by_rate],
        "recurring": [
            {"frequency": f, "gross": periods[f].minor, "starts_on": _starts_on(order, by_frequency[f])}
            for f in Frequency
            if f in periods
        ],
        "term_value": _term_value(order, whole.gross, periods),
    }


def _sum(order: SalesOrder, lines: Iterable[OrderLine]) -> Totals:
    return totals((x.priced for x in lines), order.currency, prices_include_tax=order.prices_include_tax)


def _starts_on(order: SalesOrder, lines: list[OrderLine]) -> Any:
    """The earliest date a line of these starts; its own, or else the order's."""
    return min((d for line in lines if (d := line.activation_date or order.start_date)), default=None)


def _term_value(order: SalesOrder, gross: Money, periods: dict[Frequency, Money]) -> int | None:
    """The total plus every further period of the term, in minor units; None without an end or whole periods."""
    months = order.term_months
    if not periods or months is None or any(months % PERIOD_MONTHS.get(f, months + 1) for f in periods):
        return None
    return gross.minor + sum(money.minor * (months // PERIOD_MONTHS[f] - 1) for f, money in periods.items())


def _payment(order: SalesOrder) -> dict[str, Any]:
    amounts = payment_orders.instalment_amounts(order)
    return {
        "due_now": first_payments.rest_at_signature(order).minor,
        "plan": [
            {
                "amount": amount.minor,
                "percent": step.percent,
                "due": step.due,
                "due_date": step.due_date,
                "collection": step.collection,
            }
            for step, amount in zip(order.instalments, amounts, strict=True)
        ],
    }


def _conditions() -> dict[str, Any] | None:
    newest = db.session.scalars(select(TermsText).order_by(TermsText.version.desc()).limit(1)).one_or_none()
    return {"version": newest.version, "body": newest.body} if newest else None


def _shared(order: SalesOrder) -> dict[str, Any]:
    """Notes by their words and files by their hashes, as far as they are marked for the customer by now: these are
    bound by the signature. What is marked later changes no snapshot; the customer's page shows it apart."""
    notes = db.session.execute(
        select(Note.id, User.name.label("author"), Note.created_at.label("written_at"), Note.body)
        .join(User, User.id == Note.author_id)
        .where(Note.order_id == order.id, Note.visible)
        .order_by(Note.id)
    )
    files = db.session.execute(
        select(OrderFile.id, OrderFile.filename, OrderFile.size, OrderFile.sha256)
        .where(OrderFile.order_id == order.id, OrderFile.visible)
        .order_by(OrderFile.id)
    )
    return {"notes": [dict(row._mapping) for row in notes], "files": [dict(row._mapping) for row in files]}
