"""From what a file says to what a quote says: numbers, days, and the accounts, people and products behind the names."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, TypeVar

from sqlalchemy import select

from ... import typed
from ...db import db
from ...models import Account, CollectionMethod, Contact, Due, Frequency, Opportunity, Product, Renewal
from ...money import Money
from . import quote_content
from .quote_content import InstalmentContent, LineContent, QuoteContent
from .quote_files import Cells, Entry, FileProblem

NUMBER = re.compile(r"[A-Za-z0-9][A-Za-z0-9./_-]{0,19}")
STEP = re.compile(r"(?P<share>\S+)\s+(?P<due>[a-z]+)(\s+(?P<day>\d\S*))?(\s+(?P<how>[a-z_]+))?")

# The editor's field names, and the file's columns.
COLUMNS = {
    "account_id": "account",
    "contact_id": "contact",
    "opportunity_id": "opportunity",
    "product_id": "sku",
}

LONGEST_NUMBER, MOST_PLACES, MOST_WHOLE = 24, 15, 10**9

E = TypeVar("E", bound=StrEnum)


@dataclass(slots=True)
class Translated:
    """`content` is None where too much is wrong to say what the quote would be."""

    place: str
    number: str = ""
    version: int | None = None
    content: QuoteContent | None = None
    problems: list[FileProblem] = field(default_factory=list)


class _Reader:
    """Reads cells and collects what is wrong with them."""

    def __init__(self) -> None:
        self.problems: list[FileProblem] = []

    def complain(self, cells: Cells, column: str, sentence: str) -> None:
        self.problems.append(FileProblem(cells.place, column, sentence))

    def _read(self, cells: Cells, column: str, parse: Callable[[Any], Any]) -> Any:
        value = cells.get(column)
        if value is None:
            return None
        try:
            return parse(value)
        except ValueError as error:
            self.complain(cells, column, str(error))
            return None

    def text(self, cells: Cells, column: str) -> str:
        return self._read(cells, column, _text) or ""

    def number(self, cells: Cells, column: str) -> Decimal | None:
        return self._read(cells, column, _number)  # type: ignore[no-any-return]

    def whole(self, cells: Cells, column: str) -> int | None:
        return self._read(cells, column, _whole)  # type: ignore[no-any-return]

    def day(self, cells: Cells, column: str) -> date | None:
        return self._read(cells, column, _day)  # type: ignore[no-any-return]

    def one_of(self, cells: Cells, column: str, kind: type[E]) -> E | None:
        return self._read(cells, column, lambda value: _one_of(value, kind))  # type: ignore[no-any-return]


def translate(entry: Entry) -> Translated:
    """What the entry says, with everything that is wrong with it."""
    reader = _Reader()
    found = Translated(entry.head.place)
    found.number = reader.text(entry.head, "number")
    if not NUMBER.fullmatch(found.number):
        reader.complain(entry.head, "number", "A number has up to 20 letters, digits and . / _ -, such as Q-2087.")
    found.version = reader.whole(entry.head, "version")
    if found.version is not None and found.version < 1:
        reader.complain(entry.head, "version", "Versions count from 1.")
    account = _account(reader, entry.head)
    expires_on = reader.day(entry.head, "expires_on")
    if expires_on is None and entry.head.get("expires_on") is None:
        reader.complain(entry.head, "expires_on", "Say until when the quote can be accepted.")
    if account is not None:
        content = _content(reader, entry, account, expires_on or date.max)
        if not reader.problems:
            found.content = content
            reader.problems += [_located(entry, p) for p in quote_content.problems(content)]
    found.problems = reader.problems
    return found


def _content(reader: _Reader, entry: Entry, account: Account, expires_on: date) -> QuoteContent:
    head = entry.head
    currency = reader.text(head, "currency").upper() or account.currency
    days = reader.whole(head, "payment_terms_days")
    return QuoteContent(
        account_id=account.id,
        contact_id=_contact(reader, head, account),
        opportunity_id=_opportunity(reader, head, account),
        billing_address_id=account.billing_address_id,
        shipping_address_id=account.shipping_address_id,
        currency=currency,
        start_date=reader.day(head, "start_date"),
        term_months=reader.whole(head, "term_months"),
        billing_frequency=reader.one_of(head, "billing_frequency", Frequency),
        renewal=reader.one_of(head, "renewal", Renewal) or Renewal.NONE,
        payment_terms_days=account.payment_terms_days if days is None else days,
        expires_on=expires_on,
        notes=reader.text(head, "notes"),
        lines=tuple(_line(reader, cells, currency) for cells in entry.lines),
        instalments=_plan(reader, entry, currency),
    )


def _account(reader: _Reader, head: Cells) -> Account | None:
    number = reader.text(head, "account")
    account = db.session.scalars(select(Account).where(Account.number == number)).one_or_none()
    if account is None:
        reader.complain(head, "account", f"There is no account {number}." if number else "Say whose quote it is.")
    return account


def _contact(reader: _Reader, head: Cells, account: Account) -> int | None:
    email = reader.text(head, "contact")
    if not email:
        return None
    query = select(Contact.id).where(Contact.account_id == account.id, Contact.email == email).limit(1)
    found = db.session.scalar(query)
    if found is None:
        reader.complain(head, "contact", f"{account.number} has no contact {email}.")
    return found


def _opportunity(reader: _Reader, head: Cells, account: Account) -> int | None:
    name = reader.text(head, "opportunity")
    if not name:
        return None
    query = select(Opportunity.id).where(Opportunity.account_id == account.id, Opportunity.name == name).limit(1)
    found = db.session.scalar(query)
    if found is None:
        reader.complain(head, "opportunity", f"{account.number} has no opportunity “{name}”.")
    return found


def _line(reader: _Reader, cells: Cells, currency: str) -> LineContent:
    """An empty description or price is the catalog's."""
    product = _product(reader, cells)
    price = reader.number(cells, "unit_price")
    if price is None and product is not None and cells.get("unit_price") is None:
        price = product.unit_price if product.currency == currency else None
        if price is None:
            reader.complain(cells, "unit_price", f"{product.sku} has no list price in {currency}; give one.")
    quantity = reader.number(cells, "quantity")
    if cells.get("quantity") is None:
        reader.complain(cells, "quantity", "Say how many.")
    return LineContent(
        product_id=product.id if product else 0,
        description=reader.text(cells, "description") or (product.name if product else ""),
        quantity=quantity or Decimal(0),
        unit_price=price or Decimal(0),
        discount_percent=reader.number(cells, "discount_percent") or Decimal(0),
        activation_date=reader.day(cells, "activation_date"),
    )


def _product(reader: _Reader, cells: Cells) -> Product | None:
    sku = reader.text(cells, "sku")
    product = db.session.scalars(select(Product).where(Product.sku == sku)).one_or_none()
    if product is None:
        reader.complain(cells, "sku", f"There is no product {sku}." if sku else "Say which product it is.")
    return product


def _plan(reader: _Reader, entry: Entry, currency: str) -> tuple[InstalmentContent, ...]:
    """Everything at signature where the file says nothing."""
    steps = entry.steps if entry.steps is not None else _written_steps(reader, entry.head)
    if not steps and entry.head.get("payment_plan") is None:
        return (InstalmentContent(percent=Decimal(100)),)
    return tuple(_step(reader, cells, currency) for cells in steps)


def _written_steps(reader: _Reader, head: Cells) -> list[Cells]:
    steps = []
    for part in reader.text(head, "payment_plan").split("+"):
        match = STEP.fullmatch(part.strip())
        if match is None:
            if part.strip():
                sentence = f"“{part.strip()}” is no step; write 30% signature + 70% delivery."
                reader.complain(head, "payment_plan", sentence)
            continue
        share = match["share"]
        values = {"due": match["due"], "due_date": match["day"], "collection": match["how"]}
        values |= {"percent": share[:-1]} if share.endswith("%") else {"amount": share}
        steps.append(Cells(f"{head.place}, payment_plan", values))
    return steps


def _step(reader: _Reader, cells: Cells, currency: str) -> InstalmentContent:
    amount = reader.number(cells, "amount")
    minor = None
    if amount is not None:
        try:
            minor = Money.of(amount, currency).minor
        except ValueError:
            reader.complain(cells, "amount", f"{currency} has fewer decimals.")
    return InstalmentContent(
        percent=reader.number(cells, "percent"),
        amount=minor,
        due=reader.one_of(cells, "due", Due) or Due.SIGNATURE,
        due_date=reader.day(cells, "due_date"),
        collection=reader.one_of(cells, "collection", CollectionMethod) or CollectionMethod.PAYMENT_LINK,
    )


def _located(entry: Entry, problem: quote_content.Problem) -> FileProblem:
    """`lines-2-quantity` as the row and column of the file."""
    part, _, rest = problem.field.partition("-")
    if not rest:
        return FileProblem(entry.head.place, COLUMNS.get(part, part), problem.sentence)
    index, _, name = rest.partition("-")
    if part == "lines":
        return FileProblem(entry.lines[int(index)].place, COLUMNS.get(name, name), problem.sentence)
    place = entry.steps[int(index)].place if entry.steps else f"{entry.head.place}, payment_plan"
    return FileProblem(place, name, problem.sentence)


def _text(value: Any) -> str:
    """As a form would take it."""
    if not isinstance(value, str):
        raise ValueError("This should be a text.")
    if not typed.kept(value, lines=True):
        raise ValueError("There is an invisible character in here that cannot be kept.")
    if typed.has_card_number(value):
        raise ValueError("This looks like a card number; card numbers are never kept here.")
    return value


def _number(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        raise ValueError("This should be a number.")
    text = str(value)
    if "," in text:
        raise ValueError(f"Write numbers with a point and without thousands separators, such as 1234.50, not {text}.")
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"“{text}” is no number.") from None
    if not number.is_finite():
        raise ValueError(f"“{text}” is no number.")
    if len(text) > LONGEST_NUMBER or abs(number.adjusted()) > MOST_PLACES:
        raise ValueError("This number has too many digits.")
    return number


def _whole(value: Any) -> int:
    number = _number(value)
    if number != number.to_integral_value():
        raise ValueError("This should be a whole number.")
    if abs(number) > MOST_WHOLE:
        raise ValueError("This number has too many digits.")
    return int(number)


def _day(value: Any) -> date:
    try:
        return date.fromisoformat(_text(value))
    except ValueError:
        raise ValueError(f"Write the day as 2026-12-31, not {value}.") from None


def _one_of(value: Any, kind: type[E]) -> E:
    try:
        return kind(_text(value).lower())
    except ValueError:
        raise ValueError(f"“{value}” is none of {', '.join(kind)}.") from None
