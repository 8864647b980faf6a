"""What each kind of document prints, read from its frozen content: typed, so that no template misreads a figure."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from ..models.deduction import Deduction
from ..models.deduction import read as read_deductions
from ..models.frozen import FrozenOrder
from ..models.frozen import read as read_order
from ..money import Money, TaxTotal, Totals, together
from ..values import Value
from . import lines, sealing
from .lines import Line


class Party(Value):
    name: str
    lines: tuple[str, ...]
    tax_id: str
    email: str = ""
    phone: str = ""
    logo: str = ""


class InvoicePaper(Value):
    """`paid` is what had been allocated and `credited` what had been taken back when the invoice was printed; `note` is
    the tax status's wording. The lines come to `whole`; less the `deductions` of a final invoice it is what is billed.
    """

    number: str
    kind: str
    order_number: str
    seller: Party
    customer: Party
    currency: str
    issued_on: date
    supply_date: date
    due_date: date
    lines: tuple[Line, ...]
    tax_by_rate: tuple[TaxTotal, ...]
    net: Money
    tax: Money
    gross: Money
    paid: Money
    credited: Money
    note: str
    prices_include_tax: bool
    deductions: tuple[Deduction, ...] = ()

    @property
    def due(self) -> Money:
        return self.gross - self.paid - self.credited

    @property
    def whole(self) -> Totals:
        return together((*self.tax_by_rate, *(x.tax for x in self.deductions)), self.currency)


class CreditedLine(Value):
    sku: str
    description: str
    tax_rate: Decimal
    amount: Money


class CreditNotePaper(Value):
    """`received` is what had been paid of it and can be refunded or applied."""

    number: str
    invoice: str
    invoiced_on: date
    order_number: str
    reason: str
    text: str
    seller: Party
    customer: Party
    currency: str
    issued_on: date
    lines: tuple[CreditedLine, ...]
    tax_by_rate: tuple[TaxTotal, ...]
    net: Money
    tax: Money
    gross: Money
    received: Money
    prices_include_tax: bool
    note: str


class StatementLine(Value):
    on: date
    what: str
    number: str
    charge: Money
    credit: Money
    balance: Money


class StatementPaper(Value):
    seller: Party
    customer: Party
    account: str
    currency: str
    first: date
    last: date
    opening: Money
    closing: Money
    lines: tuple[StatementLine, ...]


class ReceiptPaper(Value):
    number: str
    seller: Party
    customer: Party
    amount: Money
    paid_with: str
    paid_at: datetime
    purpose: str
    payment_order: str
    order_number: str
    reference: str
    received_on: date | None = None


class SignatureFacts(Value):
    name: str
    title: str
    email: str
    sent_to: str
    typed: str | None
    drawn: str | None
    consent: str
    terms_version: int | None
    ip: str
    user_agent: str
    sent_at: datetime | None
    viewed_at: datetime | None
    signed_at: datetime


class SignedOrderPaper(Value):
    """The very snapshot that was signed, and the certificate of its signature. `seal` is one of `sealing`'s kinds."""

    order: FrozenOrder
    signature: SignatureFacts
    seal: str


def drawn_url(png: bytes | None) -> str | None:
    """A drawn signature as a data URL, for the content of a signed order."""
    return None if png is None else "data:image/png;base64," + base64.b64encode(png).decode()


def order(content: dict[str, Any]) -> FrozenOrder:
    return read_order(content["snapshot"])


def signed_order(content: dict[str, Any]) -> SignedOrderPaper:
    facts = dict(content["signature"])
    for name in ("sent_at", "viewed_at", "signed_at"):
        facts[name] = datetime.fromisoformat(facts[name]) if facts[name] else None
    seal = content.get("seal", sealing.NONE)  # what was asked for before there were seals has none
    return SignedOrderPaper(order=read_order(content["snapshot"]), signature=SignatureFacts(**facts), seal=seal)


def invoice(content: dict[str, Any]) -> InvoicePaper:
    data, currency = {"credited": 0, "prices_include_tax": False, **_printed(content)}, content["currency"]
    for name in ("net", "tax", "gross", "paid", "credited"):
        data[name] = Money(data[name], currency)
    for name in ("issued_on", "supply_date", "due_date"):
        data[name] = date.fromisoformat(data[name])
    data["seller"], data["customer"] = party(data["seller"]), party(data["customer"])
    data["lines"] = tuple(lines.read(x, currency) for x in data["lines"])
    data["tax_by_rate"] = lines.read_taxes(data["tax_by_rate"], currency)
    data["deductions"] = read_deductions(data.get("deductions", ()), currency)
    return InvoicePaper(**data)


def credit_note(content: dict[str, Any]) -> CreditNotePaper:
    data, currency = _printed(content), content["currency"]
    for name in ("net", "tax", "gross", "received"):
        data[name] = Money(data[name], currency)
    for name in ("issued_on", "invoiced_on"):
        data[name] = date.fromisoformat(data[name])
    data["seller"], data["customer"] = party(data["seller"]), party(data["customer"])
    data["lines"] = tuple(
        CreditedLine(x["sku"], x["description"], Decimal(x["tax_rate"]), Money(x["amount"], currency))
        for x in data["lines"]
    )
    data["tax_by_rate"] = lines.read_taxes(data["tax_by_rate"], currency)
    return CreditNotePaper(**data)


def statement(content: dict[str, Any]) -> StatementPaper:
    data, currency = dict(content), content["currency"]
    data["first"], data["last"] = (date.fromisoformat(data[name]) for name in ("first", "last"))
    data["opening"], data["closing"] = (Money(data[name], currency) for name in ("opening", "closing"))
    data["seller"], data["customer"] = party(data["seller"]), party(data["customer"])
    data["lines"] = tuple(
        StatementLine(
            date.fromisoformat(x["on"]),
            x["what"],
            x["number"],
            *(Money(x[name], currency) for name in ("charge", "credit", "balance")),
        )
        for x in data["lines"]
    )
    return StatementPaper(**data)


def receipt(content: dict[str, Any]) -> ReceiptPaper:
    data = dict(content)
    data["amount"] = Money(data["amount"], data.pop("currency"))
    data["paid_at"] = datetime.fromisoformat(data["paid_at"])
    data["received_on"] = date.fromisoformat(data["received_on"]) if data.get("received_on") else None
    data["seller"], data["customer"] = party(data["seller"]), party(data["customer"])
    return ReceiptPaper(**data)


class PackedFile(Value):
    name: str
    what: str
    size: int
    sha256: str


class EvidenceIndex(Value):
    """The first page of an evidence pack: what is in it, and the hash of each file."""

    seller: Party
    order_number: str
    customer: str
    payment_order: str
    dispute: str
    reason: str
    made_at: datetime
    made_by: str
    files: tuple[PackedFile, ...]


def evidence_index(content: dict[str, Any]) -> EvidenceIndex:
    data = dict(content)
    data["seller"], data["made_at"] = party(data["seller"]), datetime.fromisoformat(data["made_at"])
    data["files"] = tuple(PackedFile(**x) for x in data["files"])
    return EvidenceIndex(**data)


def _printed(content: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in content.items() if name != "electronic"}


def party(data: dict[str, Any]) -> Party:
    return Party(**data | {"lines": tuple(data["lines"])})


VIEWS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "order": order,
    "signed_order": signed_order,
    "invoice": invoice,
    "credit_note": credit_note,
    "statement": statement,
    "receipt": receipt,
    "evidence_index": evidence_index,
}
