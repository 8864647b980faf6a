"""What changed between two versions of an order, for the customer who saw the first and is asked to sign the second."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from flask_babel import gettext

from ...formatting import day, money, percent, price, quantity
from ...models.frozen import FrozenOrder, Line
from .words import per


class Change(NamedTuple):
    """One difference, as words; empty `before`: it is new, empty `after`: it is gone."""

    label: str
    before: str
    after: str


def compare(before: FrozenOrder, after: FrozenOrder) -> tuple[Change, ...]:
    """Lines first, matched by SKU and order of appearance, then terms, notes and files, then the sums."""
    found = [*_lines(before, after), *_terms(before, after), *_shared(before, after), *_sums(before, after)]
    return tuple(change for change in found if change.before != change.after)


def _lines(before: FrozenOrder, after: FrozenOrder) -> Iterator[Change]:
    was, now = _keyed(before), _keyed(after)
    for key, line in was.items():
        if key not in now:
            yield Change(line.description, _whole(line, before), gettext("no longer included"))
    for key, line in now.items():
        if key not in was:
            yield Change(line.description, gettext("not included"), _whole(line, after))
        else:
            yield from _line(was[key], line, before, after)


def _keyed(order: FrozenOrder) -> dict[tuple[str, int], Line]:
    seen: dict[str, int] = {}
    keyed = {}
    for line in order.lines:
        seen[line.sku] = seen.get(line.sku, 0) + 1
        keyed[line.sku, seen[line.sku]] = line
    return keyed


def _line(was: Line, now: Line, before: FrozenOrder, after: FrozenOrder) -> Iterator[Change]:
    if was.description != now.description:
        yield Change(gettext("Description"), was.description, now.description)
    name = now.description
    yield Change(gettext("%(line)s, quantity", line=name), quantity(was.quantity), quantity(now.quantity))
    prices = price(was.unit_price, before.currency), price(now.unit_price, after.currency)
    yield Change(gettext("%(line)s, price", line=name), *prices)
    discounts = percent(was.discount_percent), percent(now.discount_percent)
    yield Change(gettext("%(line)s, discount", line=name), *discounts)
    yield Change(gettext("%(line)s, VAT", line=name), percent(was.tax_rate), percent(now.tax_rate))
    yield Change(gettext("%(line)s, billed", line=name), per(was.frequency), per(now.frequency))
    yield Change(gettext("%(line)s, starts", line=name), _day(was.activation_date), _day(now.activation_date))


def _whole(line: Line, order: FrozenOrder) -> str:
    return f"{quantity(line.quantity)} × {price(line.unit_price, order.currency)}"


def _terms(before: FrozenOrder, after: FrozenOrder) -> Iterator[Change]:
    yield Change(gettext("Start"), _day(before.start_date), _day(after.start_date))
    yield Change(gettext("Term"), _term(before.term_months), _term(after.term_months))
    days = before.payment_terms_days, after.payment_terms_days
    yield Change(gettext("Days to pay an invoice"), *(quantity(Decimal(d)) for d in days))
    addresses = before.customer, after.customer
    yield Change(gettext("Billing address"), *(", ".join(c.billing_address) for c in addresses))
    yield Change(gettext("Delivery address"), *(", ".join(c.shipping_address) for c in addresses))
    versions = (gettext("version %(n)s", n=o.conditions.version) if o.conditions else "" for o in (before, after))
    yield Change(gettext("Terms and conditions"), *versions)


def _shared(before: FrozenOrder, after: FrozenOrder) -> Iterator[Change]:
    """They are only ever added."""
    new = after.shared.beyond(before.shared)
    for note in new.notes:
        yield Change(gettext("Note by %(name)s", name=note.author), "", note.body)
    for file in new.files:
        yield Change(gettext("File"), "", file.filename)


def _sums(before: FrozenOrder, after: FrozenOrder) -> Iterator[Change]:
    yield Change(gettext("To pay on signing"), money(before.due_now), money(after.due_now))
    yield Change(gettext("Total"), money(before.total), money(after.total))


def _day(value: object) -> str:
    return day(value) if value else ""  # type: ignore[arg-type]


def _term(months: int | None) -> str:
    return gettext("%(n)s months", n=months) if months else gettext("open-ended")
