"""What edit forms start from, and both versions side by side when somebody else saved first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

from flask import url_for
from flask_babel import gettext as _
from sqlalchemy import Row, select

from ...badges import said
from ...db import db
from ...errors import Refusal
from ...formatting import day, price, quantity
from ...language import marked
from ...models import Address, Contact, History, Product
from ...states.order import EDITABLE, WITH_CUSTOMER
from ...values import Value

if TYPE_CHECKING:
    from .facts import Facts

Choice = tuple[str, str]
MOST_PRODUCTS = 500
CONVERT_FIRST = marked("Convert it to draft first; that ends the customer's approval and links.")


class Conflict(Value):
    """`rows` are (what, yours, stored now)."""

    rows: tuple[tuple[str, str, str], ...]
    changed_by: str
    changed_at: datetime
    href: str


class LineLike(Protocol):
    @property
    def line_id(self) -> int | None: ...
    @property
    def description(self) -> str: ...
    @property
    def quantity(self) -> Decimal: ...
    @property
    def unit_price(self) -> Decimal: ...
    @property
    def discount_percent(self) -> Decimal: ...


def not_a_draft(facts: Facts) -> Refusal | None:
    """Why lines and terms cannot be edited now, if so."""
    row = facts.row
    if row.status not in EDITABLE:
        help = CONVERT_FIRST if row.status in WITH_CUSTOMER else ""
        return Refusal(
            "not_a_draft",
            "%(order)s is %(state)s; lines and terms are edited in draft only.",
            help,
            order=row.number,
            state=said("order", row.status),
        )
    if facts.confirming:
        return Refusal("payment_in_progress", "A payment for this order is in progress.", "Wait for its outcome.")
    return None


def line_values(row: Row[Any]) -> dict[str, Any]:
    """A stored line as the form shows it."""
    return {
        "line_id": row.id,
        "description": row.description,
        "quantity": row.quantity,
        "unit_price": row.unit_price,
        "discount_percent": row.discount_percent or None,
        "routing": row.routing,
        "activation_date": row.activation_date,
    }


def products(currency: str) -> list[Choice]:
    """What is on sale in `currency`, by name; one statement."""
    query = (
        select(Product.id, Product.sku, Product.name)
        .where(Product.active, Product.currency == currency)
        .order_by(Product.name)
        .limit(MOST_PRODUCTS)
    )
    return [(str(p.id), f"{p.name} ({p.sku})") for p in db.session.execute(query)]


def contacts(account_id: int) -> list[Choice]:
    query = (
        select(Contact.id, Contact.name, Contact.email).where(Contact.account_id == account_id).order_by(Contact.name)
    )
    return [(str(c.id), f"{c.name}, {c.email}") for c in db.session.execute(query)]


def addresses(account_id: int) -> list[Choice]:
    query = select(Address.id, Address.name, Address.street, Address.postcode, Address.city)
    found = db.session.execute(query.where(Address.account_id == account_id).order_by(Address.id)).all()
    return [(str(a.id), f"{a.name}, {a.street}, {a.postcode} {a.city}") for a in found]


def lines_side_by_side(facts: Facts, mine: Sequence[LineLike]) -> list[tuple[str, str, str]]:
    """By line: what was typed and what is stored; lines that only one side has show as nothing on the other."""
    currency = facts.row.currency
    stored = {row.id: row for row in facts.lines}
    yours = {edit.line_id: edit for edit in mine if edit.line_id in stored}
    rows = [(row.description, _line(yours.get(id), currency), _line(row, currency)) for id, row in stored.items()]
    added = [
        (edit.description or _("New line"), _line(edit, currency), "–") for edit in mine if edit.line_id not in stored
    ]
    return [*rows, *added]


def _line(line: Any, currency: str) -> str:
    if line is None:
        return _("removed")
    less = f" −{quantity(line.discount_percent)} %" if line.discount_percent else ""
    return f"{quantity(line.quantity)} × {price(line.unit_price, currency)}{less}"


def conflict(facts: Facts, what: str, rows: Sequence[tuple[str, str, str]]) -> Conflict:
    """`what` is edited at /orders/<number>/<what>/edit; who saved last is read from history."""
    query = (
        select(History.actor_name, History.at)
        .where(
            History.order_id == facts.row.id,
            History.entity == "sales_order",
            History.event.in_(("lines_edited", "terms_edited")),
        )
        .order_by(History.id.desc())
        .limit(1)
    )
    last = db.session.execute(query).one_or_none()
    who, when = (last.actor_name, last.at) if last else (_("Somebody"), facts.now)
    return Conflict(tuple(rows), who, when, url_for(f"orders.edit_{what}", number=facts.row.number))


def shown(value: Any) -> str:
    """A term's value beside its rival."""
    if value is None or value == "":
        return "–"
    return day(value) if hasattr(value, "isoformat") else str(value).replace("_", " ")
