"""A trace as plain frozen data."""

from __future__ import annotations

from collections.abc import Iterator

from ...money import Money
from ...values import Value
from ..orders.views import Link


class Hop(Value):
    """One record on the way, and what it led to. A `missing` one is what should be there and is not: `text` says what.

    `status` is a badge's kind and value; `here` marks the record that the trace was asked for.
    """

    word: str
    text: str
    href: str | None = None
    amount: Money | None = None
    status: tuple[str, str] | None = None
    second: str | None = None
    missing: bool = False
    here: bool = False
    children: tuple[Hop, ...] = ()

    def every(self) -> Iterator[Hop]:
        yield self
        for child in self.children:
            yield from child.every()


class Part(Value):
    """So much on a quote's or invoice's line; `link` names its record."""

    link: Link
    amount: Money


class LineView(Value):
    """What is sold. `added`: not from the quote, though the order is."""

    id: int
    description: str
    sku: str
    quoted: Part | None
    ordered: Part | None
    billed: tuple[Part, ...]
    added: bool


class DepositView(Value):
    """A line of an invoice for a part of the whole order, which is of no line alone."""

    description: str
    part: Part


class TracePage(Value):
    """`payments` is None for readers who may not see payments."""

    word: str
    number: str
    home: Link
    lines: tuple[LineView, ...]
    deposits: tuple[DepositView, ...]
    payments: tuple[Hop, ...] | None
    more: bool

    @property
    def missing(self) -> tuple[Hop, ...]:
        return tuple(hop for root in self.payments or () for hop in root.every() if hop.missing)
