"""What a quote says, in words: for the history of its edits, and for two versions side by side."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sqlalchemy import select

from ...db import db
from ...models import Address, Contact, Due, Opportunity, Product
from ...money import Money
from .quote_content import InstalmentContent, LineContent, QuoteContent

Words = dict[str, str]
Difference = tuple[str, str, str]

DUE = {Due.SIGNATURE: "at signature", Due.DATE: "on", Due.DELIVERY: "on delivery"}


def said(content: QuoteContent) -> Words:
    """By label, in the order of the editor; an empty text where nothing is said."""
    return {
        "Contact": _named(Contact, content.contact_id),
        "Opportunity": _named(Opportunity, content.opportunity_id),
        "Billing address": _address(content.billing_address_id),
        "Shipping address": _address(content.shipping_address_id),
        "Currency": content.currency,
        "Start date": _plain(content.start_date),
        "Term in months": _plain(content.term_months),
        "Billing frequency": _plain(content.billing_frequency),
        "Renewal": _plain(content.renewal),
        "Payment terms in days": _plain(content.payment_terms_days),
        "Expires on": _plain(content.expires_on),
        "Notes": content.notes,
        **_lines(content),
        "Payment plan": "; ".join(_step(step, content.currency) for step in content.instalments),
    }


def differences(before: QuoteContent, after: QuoteContent) -> list[Difference]:
    """Label, before and after of everything that is not the same."""
    old, new = said(before), said(after)
    labels = [*new, *(label for label in old if label not in new)]
    pairs = [(label, old.get(label, ""), new.get(label, "")) for label in labels]
    return [pair for pair in pairs if pair[1] != pair[2]]


def _lines(content: QuoteContent) -> Words:
    ids = {line.product_id for line in content.lines}
    skus = {r.id: r.sku for r in db.session.execute(select(Product.id, Product.sku).where(Product.id.in_(ids)))}
    return {f"Line {i}": _line(line, skus.get(line.product_id, "")) for i, line in enumerate(content.lines, 1)}


def _line(line: LineContent, sku: str) -> str:
    discount = f" less {_number(line.discount_percent)} %" if line.discount_percent else ""
    starts = f" from {line.activation_date}" if line.activation_date else ""
    return f"{sku} {line.description}: {_number(line.quantity)} × {_number(line.unit_price)}{discount}{starts}"


def _step(step: InstalmentContent, currency: str) -> str:
    share = f"{_number(step.percent)} %" if step.percent is not None else _amount(step.amount or 0, currency)
    when = DUE[step.due] if step.due is not Due.DATE else f"on {step.due_date}"
    return f"{share} {when}, {step.collection.replace('_', ' ')}"


def _amount(minor: int, currency: str) -> str:
    return f"{Money(minor, currency).major} {currency}"


def _number(value: Decimal) -> str:
    return format(value.normalize(), "f")


def _plain(value: Any) -> str:
    return "" if value is None else str(value)


def _named(model: Any, id: int | None) -> str:
    return (db.session.scalar(select(model.name).where(model.id == id)) or "") if id is not None else ""


def _address(id: int | None) -> str:
    address = db.session.get(Address, id) if id is not None else None
    return ", ".join(address.lines) if address else ""
