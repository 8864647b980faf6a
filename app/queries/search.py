"""One box that finds: numbers of orders, quotes, invoices and payment orders, customers, emails, amounts, last four
digits of a card, provider ids. Each kind of question is one indexed look, and only where the text can be that kind.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from flask import current_app, url_for
from flask_babel import gettext as _
from sqlalchemy import ColumnElement, or_, select

from .. import numbering
from ..access import Permission, why_not
from ..db import db
from ..formatting import money
from ..models import (
    Account,
    Attempt,
    Contact,
    Invoice,
    PaymentAgreement,
    PaymentOrder,
    Quote,
    SalesOrder,
    User,
)
from ..money import DIGITS, Money
from ..values import Value
from .invoices import owners as billed
from .payments import owners
from .scope import visible

MOST = 10

NUMBER = re.compile(r"(SO|Q|PO|PA|INV)-?\d+", re.IGNORECASE)
AMOUNT = re.compile(r"\d{1,3}(,\d{3})+(\.\d{1,3})?|\d+([.,]\d{1,3})?")
LONGEST_AMOUNT = 15  # in minor units still a number that the column holds
LAST_FOUR = re.compile(r"\d{4}")
PROVIDER_ID = re.compile(r"[A-Za-z0-9_-]{12,}")


class Hit(Value):
    """`status` is (kind, value) for its badge."""

    title: str
    detail: str
    url: str
    status: tuple[str, str] | None = None


class Group(Value):
    title: str
    hits: tuple[Hit, ...]


class Found(Value):
    """`exact` is where to go at once: the text was the number of one thing."""

    groups: tuple[Group, ...]
    exact: str | None = None


def view(text: str, reader: User) -> Found:
    """What `reader` may see of what `text` could mean; nothing for fewer than two characters."""
    text = " ".join(text.split())[:100]
    if len(text) < 2:
        return Found(())
    groups = [Group(title, hits) for title, look in _looks(text) if (hits := tuple(look(reader)))]
    return Found(tuple(groups), _exact(text, groups))


Look = Callable[[User], list[Hit]]


def _looks(text: str) -> list[tuple[str, Look]]:
    return [
        (_("Orders"), lambda reader: _orders(text, reader)),
        (_("Quotes"), lambda reader: _quotes(text, reader)),
        (_("Invoices"), lambda reader: _invoices(text, reader)),
        (_("Payment agreements"), lambda reader: _agreements(text, reader)),
        (_("Payment orders"), lambda reader: _payment_orders(text, reader)),
        (_("Customers"), lambda reader: _accounts(text, reader)),
        (_("Payments"), lambda reader: _payments(text, reader)),
    ]


def _exact(text: str, groups: list[Group]) -> str | None:
    if not NUMBER.fullmatch(text):
        return None
    meant = {number for series in numbering.SERIES for number in numbering.read(text, series)}
    same = [hit for group in groups for hit in group.hits if hit.title.partition(" ")[0] in meant]
    return same[0].url if len(same) == 1 else None


def _may(reader: User, permission: Permission) -> bool:
    return why_not(reader, permission) is None


def _amounts(text: str) -> list[Decimal]:
    """The text as an amount in major units, if it can be one: 4,821.00 and 4821,00 alike."""
    if not AMOUNT.fullmatch(text) or len(text) > LONGEST_AMOUNT:
        return []
    plain = text.replace(",", "") if re.search(r",\d{3}(\D|$)", text) else text.replace(",", ".")
    return [Decimal(plain)]


def _is_amount(text: str, column: Any, currency: Any) -> list[ColumnElement[bool]]:
    """`column` (minor units) is that amount, by the exponent of each row's own currency."""
    found: list[ColumnElement[bool]] = []
    for amount in _amounts(text):
        for digits, currencies in EXPONENTS.items():
            scaled = amount.scaleb(digits)
            if scaled == scaled.to_integral_value():
                inside = currency.in_(currencies) if currencies else currency.not_in(ODD)
                found.append((column == int(scaled)) & inside)
    return found


EXPONENTS: dict[int, list[str]] = {2: [], **DIGITS}
"""Currencies by the digits of their minor unit; those of two are all the others."""

ODD = [code for codes in DIGITS.values() for code in codes]


def _orders(text: str, reader: User) -> list[Hit]:
    accounts = select(Account.id).where(Account.name.icontains(text, autoescape=True)).limit(200)
    people = select(Contact.account_id).where(Contact.email == text.lower()).limit(50)
    query = (
        select(SalesOrder.number, SalesOrder.status, Account.name)
        .join(Account, Account.id == SalesOrder.account_id)
        .where(
            visible(reader, SalesOrder.owner_id),
            or_(
                SalesOrder.number.in_(numbering.read(text, "order")),
                SalesOrder.account_id.in_(accounts),
                SalesOrder.account_id.in_(people),
            ),
        )
        .order_by(SalesOrder.id.desc())
    )
    return [
        Hit(number, name, url_for("orders.show", number=number), ("order", status))
        for number, status, name in _first(query)
    ]


def _quotes(text: str, reader: User) -> list[Hit]:
    if not _may(reader, Permission.QUOTE_VIEW) or "quotes.show" not in current_app.view_functions:
        return []
    query = (
        select(Quote.number, Quote.version, Quote.status, Account.name)
        .join(Account, Account.id == Quote.account_id)
        .where(visible(reader, Quote.owner_id), Quote.number.in_(numbering.read(text, "quote")))
        .order_by(Quote.number, Quote.version.desc())
    )
    return [
        Hit(f"{number} v{version}", name, url_for("quotes.show", number=number), ("quote", status))
        for number, version, status, name in _first(query)
    ]


def _invoices(text: str, reader: User) -> list[Hit]:
    if not _may(reader, Permission.INVOICE_VIEW) or "invoices.show" not in current_app.view_functions:
        return []
    query = (
        select(Invoice.number, Invoice.status, Invoice.gross, Invoice.currency, Account.name)
        .join(Account, Account.id == Invoice.account_id)
        .where(
            billed.within_reach(reader),
            Invoice.number.is_not(None),
            or_(
                Invoice.number.in_(numbering.read(text, "invoice")),
                *_is_amount(text, Invoice.gross, Invoice.currency),
            ),
        )
        .order_by(Invoice.id.desc())
    )
    return [
        Hit(
            number,
            f"{name}, {money(Money(gross, currency))}",
            url_for("invoices.show", number=number),
            ("invoice", status),
        )
        for number, status, gross, currency, name in _first(query)
    ]


def _agreements(text: str, reader: User) -> list[Hit]:
    """By number alone; whether one is live is for its page to say."""
    if not text.upper().startswith("PA") or not _may(reader, Permission.AGREEMENT_VIEW):
        return []
    query = (
        select(PaymentAgreement.number, Account.name)
        .join(Account, Account.id == PaymentAgreement.account_id)
        .where(
            visible(reader, PaymentAgreement.owner_id), PaymentAgreement.number.in_(numbering.read(text, "agreement"))
        )
    )
    return [Hit(number, name, url_for("agreements.show", number=number)) for number, name in _first(query)]


def _payment_orders(text: str, reader: User) -> list[Hit]:
    if not _may(reader, Permission.PAYMENT_VIEW):
        return []
    query = (
        owners.joined(
            select(PaymentOrder.number, PaymentOrder.amount, PaymentOrder.currency, owners.SOURCE, Account.name).join(
                Account, Account.id == PaymentOrder.account_id
            )
        )
        .where(
            owners.within_reach(reader),
            or_(
                PaymentOrder.number.in_(numbering.read(text, "payment_order")),
                *_is_amount(text, PaymentOrder.amount, PaymentOrder.currency),
            ),
        )
        .order_by(PaymentOrder.id.desc())
    )
    return [
        Hit(number, f"{name}, {source}, {money(Money(amount, currency))}", url_for("payments.show", number=number))
        for number, amount, currency, source, name in _first(query)
    ]


def _accounts(text: str, reader: User) -> list[Hit]:
    if not _may(reader, Permission.ACCOUNT_VIEW) or "accounts.show" not in current_app.view_functions:
        return []
    people = select(Contact.account_id).where(Contact.email.startswith(text.lower(), autoescape=True))
    query = (
        select(Account.number, Account.name)
        .where(
            or_(
                Account.name.icontains(text, autoescape=True),
                Account.number.in_(numbering.read(text, "account")),
                Account.id.in_(people),
            )
        )
        .order_by(Account.name)
    )
    return [Hit(name, number, url_for("accounts.show", number=number)) for number, name in _first(query)]


def _payments(text: str, reader: User) -> list[Hit]:
    """Attempts by the card's last four digits or by the gateway's own id."""
    conditions: list[ColumnElement[bool]] = []
    if LAST_FOUR.fullmatch(text):
        conditions.append(Attempt.card_label.endswith(f" {text}", autoescape=True))
    if PROVIDER_ID.fullmatch(text):
        conditions += [Attempt.provider_id == text, Attempt.public_id == text]
    if not conditions or not _may(reader, Permission.PAYMENT_VIEW):
        return []
    query = (
        owners.joined(
            select(
                *(Attempt.card_label, Attempt.status, Attempt.amount, Attempt.currency),
                *(PaymentOrder.number, SalesOrder.number, owners.SOURCE, Account.name),
            )
            .join(PaymentOrder, PaymentOrder.id == Attempt.payment_order_id)
            .join(Account, Account.id == PaymentOrder.account_id)
        )
        .where(owners.within_reach(reader), or_(*conditions))
        .order_by(Attempt.id.desc())
    )
    return [
        Hit(
            f"{money(Money(amount, currency))}, {card}",
            f"{name}, {source}",
            _payment_panel(order) if order else url_for("payments.show", number=number),
            ("attempt", status),
        )
        for card, status, amount, currency, number, order, source, name in _first(query)
    ]


def _payment_panel(order: str) -> str:
    return url_for("orders.show", number=order) + "#panel-payment"


def _first(query: Any) -> Any:
    return db.session.execute(query.limit(MOST))
