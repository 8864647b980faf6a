"""What a payment order prints: what is asked for, until when, and what of it came. Never a link: whoever has that can
pay, and sees the order."""

from __future__ import annotations

from datetime import date
from typing import Any

from ..money import Money
from ..values import Value
from .views import Party, party

AMOUNTS = ("amount", "authorized", "paid", "refunded", "disputed", "due")


class Asked(Value):
    description: str
    amount: Money


class PaymentOrderPaper(Value):
    """`authorized` is held by a bank and not charged; `disputed` went back to one; `due` is what is still to be paid.
    `status` is that of the payment as people are told it."""

    number: str
    order_number: str
    purpose: str
    status: str
    cancelled: bool
    seller: Party
    customer: Party
    contact: str
    asked_on: date
    due_date: date | None
    collection: str
    lines: tuple[Asked, ...]
    amount: Money
    authorized: Money
    paid: Money
    refunded: Money
    disputed: Money
    due: Money


def payment_order(content: dict[str, Any]) -> PaymentOrderPaper:
    data = dict(content)
    currency = data.pop("currency")
    for name in AMOUNTS:
        data[name] = Money(data[name], currency)
    data["asked_on"] = date.fromisoformat(data["asked_on"])
    data["due_date"] = date.fromisoformat(data["due_date"]) if data["due_date"] else None
    data["seller"], data["customer"] = party(data["seller"]), party(data["customer"])
    data["lines"] = tuple(Asked(x["description"], Money(x["amount"], currency)) for x in data["lines"])
    return PaymentOrderPaper(**data)
