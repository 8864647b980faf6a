"""What terminating an order comes to, worked out before anybody decides it: what was delivered, what is credited of
which invoice, what ends.

Nothing is written here. The page shows it, and the command does exactly this or refuses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal

from sqlalchemy import func, select

from ... import clock, forms
from ...db import db, get
from ...models import (
    Company,
    Invoice,
    PaymentAgreement,
    PaymentIntent,
    PaymentOrder,
    SalesOrder,
    ScheduledPayment,
    Subscription,
)
from ...money import Money, round_half_up, total
from ...queries import ledger
from ...queries.receivables import figures
from ...states.agreement import ENDED
from ...states.intent import IntentStatus
from ...states.invoice import InvoiceStatus
from ...states.payment_order import PaymentOrderStatus
from ...states.scheduled_payment import ScheduledStatus
from ...states.subscription import SubscriptionEvent
from ...values import Value
from ..receivables import credit_notes, invoices
from .delivered import Days, Supplied, part, supplied, until

NOTHING_LEFT = (InvoiceStatus.DRAFT, InvoiceStatus.CREDITED)


class Credit(Value):
    """A credit note to come: minor units of each of the invoice's lines by id, and what follows for the invoice. `days`
    of an invoice that is of a period."""

    invoice_id: int
    number: str
    amounts: tuple[tuple[int, int], ...]
    gross: Money
    due: Money
    freed: Money
    days: Days | None


class Asked(Value):
    """A payment order that is open: what it asks for, and whether a link to pay it lives. `ends`: it is withdrawn, or
    asks for less, so that its link dies."""

    number: str
    balance: Money
    live: bool
    ends: bool


class Ending(Value):
    """Something that ends with the order: a subscription by its item, an agreement by its number."""

    name: str
    detail: str
    since: date
    until: date | None


class Termination(Value):
    """`not_invoiced`: so much of what was delivered is in no invoice. `dropped`: so much of periods that are due, which
    no invoice asks for yet. `held`: authorizations that are let go. `seal` says all of it in one word, so that what is
    done is what was seen."""

    today: date
    lines: tuple[Supplied, ...]
    subscriptions: tuple[Ending, ...]
    agreements: tuple[Ending, ...]
    credits: tuple[Credit, ...]
    asked: tuple[Asked, ...]
    held: Money
    not_invoiced: Money
    dropped: Money
    currency: str

    @property
    def credited(self) -> Money:
        return total((x.gross for x in self.credits), self.currency)

    @property
    def freed(self) -> Money:
        return total((x.freed for x in self.credits), self.currency)

    @property
    def seal(self) -> str:
        credits = [[x.invoice_id, x.amounts, x.gross.minor, x.due.minor, x.freed.minor] for x in self.credits]
        asked = [[x.number, x.balance.minor, x.live, x.ends] for x in self.asked]
        ends = [[x.name, x.since, x.until] for x in (*self.subscriptions, *self.agreements)]
        kept = [
            [x.line_id, *(f"{n.normalize():f}" for n in (x.delivered, x.recorded)), x.kept.minor] for x in self.lines
        ]
        sums = [x.minor for x in (self.held, self.not_invoiced, self.dropped)]
        return forms.fingerprint([self.today, credits, asked, ends, kept, sums])


def foresee(order_id: int, delivered: Mapping[int, Decimal]) -> Termination:
    """As of today. `delivered`: the quantity of one-time lines by their id, where it is not what the order knows of.

    Raises Refusal: `foreign_line`, `more_than_ordered`, `less_than_recorded`.
    """
    order = get(SalesOrder, order_id)
    today = clock.today(get(Company, 1).time_zone)
    subscriptions, agreements = _subscriptions(order), _agreements(order)
    lines = tuple(supplied(order, delivered, {x.order_line_id: x for x in subscriptions if x.order_line_id}, today))
    periods, bills = _periods(order, today), _invoices(order)
    credits = tuple(x for x in (*_of_order(order, bills, lines), *_of_periods(periods, today)) if x.gross)
    return Termination(
        today=today,
        lines=lines,
        subscriptions=tuple(
            Ending(x.description, str(x.status), x.starts_on, x.ends_on)
            for x in subscriptions
            if x.can(SubscriptionEvent.END)
        ),
        agreements=tuple(Ending(x.number, str(x.status), x.anchor, x.last_day) for x in agreements),
        credits=credits,
        asked=tuple(_asked(order, agreements, {x.invoice_id for x in credits})),
        held=_held(order),
        not_invoiced=_not_invoiced(order, lines),
        dropped=_dropped(order, today),
        currency=order.currency,
    )


def _subscriptions(order: SalesOrder) -> Sequence[Subscription]:
    query = select(Subscription).where(Subscription.order_id == order.id).order_by(Subscription.id)
    return db.session.scalars(query).all()


def _agreements(order: SalesOrder) -> Sequence[PaymentAgreement]:
    """Those that have not ended."""
    mine = select(PaymentAgreement).where(PaymentAgreement.order_id == order.id, PaymentAgreement.status.not_in(ENDED))
    return db.session.scalars(mine.order_by(PaymentAgreement.id)).all()


def _invoices(order: SalesOrder) -> Sequence[Invoice]:
    query = select(Invoice).where(Invoice.order_id == order.id, Invoice.number.is_not(None))
    return db.session.scalars(query.order_by(Invoice.id)).all()


def _of_order(order: SalesOrder, bills: Sequence[Invoice], lines: Sequence[Supplied]) -> list[Credit]:
    """Of an invoice line by line what is billed beyond what was delivered, of a final one as far as it bills it; of
    deposits, which name no lines, tax rate by rate, the newest first."""
    kept = {line.line_id: line.kept.minor for line in lines}
    open_ones = [row for row in bills if row.status not in NOTHING_LEFT]
    by_line = [row for row in open_ones if all(x.order_line_id in kept for x in row.lines)]
    found = [_credit(row, _beyond(row, kept)) for row in by_line]
    stays = _net_kept(order, lines)
    for row in by_line:
        for rate, net in _net_left(row, kept).items():
            stays[rate] = stays.get(rate, 0) - net
    return found + [_credit(row, _beyond_rates(row, stays)) for row in open_ones if row not in by_line]


def _beyond(row: Invoice, kept: Mapping[int, int]) -> dict[int, int]:
    left = credit_notes.left_of(row)
    return credit_notes.within(row, {x.id: max(left[x.id] - kept[x.order_line_id or 0], 0) for x in row.lines})


def _net_left(row: Invoice, kept: Mapping[int, int]) -> dict[Decimal, int]:
    """What the invoice still bills once it is credited, without tax."""
    sums, beyond = credit_notes.rates_left(row), _beyond(row, kept)
    for x in row.lines:
        sums[x.tax_rate] -= beyond[x.id]
    return {rate: _net(minor, rate, row.prices_include_tax) for rate, minor in sums.items()}


def _kept_by_rate(order: SalesOrder, lines: Sequence[Supplied]) -> dict[Decimal, int]:
    """As the lines are priced, with or without tax."""
    rates, sums = {x.id: x.tax_rate for x in order.lines}, dict[Decimal, int]()
    for line in lines:
        rate = rates[line.line_id]
        sums[rate] = sums.get(rate, 0) + line.kept.minor
    return sums


def _net_kept(order: SalesOrder, lines: Sequence[Supplied]) -> dict[Decimal, int]:
    by_rate = _kept_by_rate(order, lines).items()
    return {rate: _net(minor, rate, order.prices_include_tax) for rate, minor in by_rate}


def _net(minor: int, rate: Decimal, included: bool) -> int:
    return minor - round_half_up(minor * rate / (100 + rate)) if included else minor


def _beyond_rates(row: Invoice, stays: dict[Decimal, int]) -> dict[int, int]:
    """`stays` is what was delivered and is in no older invoice; what this one bills of it is taken off."""
    left, found = credit_notes.left_of(row), {}
    for x in row.lines:
        keeps = min(left[x.id], max(stays.get(x.tax_rate, 0), 0))
        stays[x.tax_rate] = stays.get(x.tax_rate, 0) - keeps
        found[x.id] = left[x.id] - keeps
    return found


def _periods(order: SalesOrder, today: date) -> Sequence[ScheduledPayment]:
    """Those that are invoiced and not over, of any of the order's agreements, ended or not."""
    query = (
        select(ScheduledPayment)
        .join(PaymentAgreement, PaymentAgreement.id == ScheduledPayment.agreement_id)
        .where(PaymentAgreement.order_id == order.id, ScheduledPayment.invoice_id.is_not(None))
        .where(ScheduledPayment.covers_to > today)
    )
    return db.session.scalars(query.order_by(ScheduledPayment.id)).all()


def _of_periods(periods: Sequence[ScheduledPayment], today: date) -> list[Credit]:
    """The days after today of each invoiced period."""
    found = []
    for period in periods:
        row, days = get(Invoice, period.invoice_id), until(period.covers_from, period.covers_to, today)
        if row.status not in NOTHING_LEFT:
            left = credit_notes.left_of(row)
            kept = {x.id: part(Money(x.amount, row.currency), days).minor for x in row.lines}
            found.append(_credit(row, {id: max(minor - kept[id], 0) for id, minor in left.items()}, days))
    return found


def _credit(row: Invoice, amounts: Mapping[int, int], days: Days | None = None) -> Credit:
    gross, standing = credit_notes.weight(row, amounts), figures.of_invoice(row.id)
    freed = min(max(gross.minor - standing.due, 0), standing.allocated)
    due = max(standing.due - gross.minor, 0)
    chosen = tuple((id, minor) for id, minor in sorted(amounts.items()) if minor)
    return Credit(row.id, row.number or "", chosen, gross, Money(due, row.currency), Money(freed, row.currency), days)


def _not_invoiced(order: SalesOrder, lines: Sequence[Supplied]) -> Money:
    """What was credited is in no invoice any more."""
    kept = sum(
        minor if order.prices_include_tax else minor + round_half_up(minor * rate / 100)
        for rate, minor in _kept_by_rate(order, lines).items()
    )
    return Money(max(kept - sum(t.gross.minor for t in invoices.billed(order)), 0), order.currency)


def _dropped(order: SalesOrder, today: date) -> Money:
    query = (
        select(func.coalesce(func.sum(ScheduledPayment.amount), 0))
        .join(PaymentAgreement, PaymentAgreement.id == ScheduledPayment.agreement_id)
        .where(PaymentAgreement.order_id == order.id, ScheduledPayment.status == ScheduledStatus.SCHEDULED)
        .where(ScheduledPayment.due_on <= today, ScheduledPayment.invoice_id.is_(None))
    )
    return Money(int(db.session.scalar(query) or 0), order.currency)


def _asked(order: SalesOrder, agreements: Sequence[PaymentAgreement], credited: set[int]) -> list[Asked]:
    theirs = PaymentOrder.agreement_id.in_([x.id for x in agreements]) | PaymentOrder.invoice_id.in_(credited)
    mine = (PaymentOrder.order_id == order.id) | theirs
    query = select(PaymentOrder).where(mine, PaymentOrder.status == PaymentOrderStatus.OPEN).order_by(PaymentOrder.id)
    rows = db.session.scalars(query).all()
    balances = {id: found.balance for id, found in ledger.figures(x.id for x in rows).items()}
    live = set(
        db.session.scalars(
            select(PaymentIntent.payment_order_id).where(
                PaymentIntent.payment_order_id.in_([x.id for x in rows]), PaymentIntent.status == IntentStatus.LIVE
            )
        )
    )
    return [
        Asked(
            x.number,
            Money(balances[x.id], x.currency),
            live=x.id in live,
            ends=x.order_id is not None or x.invoice_id in credited,
        )
        for x in rows
        if balances[x.id] > 0 or x.id in live
    ]


def _held(order: SalesOrder) -> Money:
    query = select(PaymentOrder.id).where(PaymentOrder.order_id == order.id)
    rows = ledger.figures(db.session.scalars(query).all()).values()
    return Money(sum(x.held for x in rows), order.currency)
