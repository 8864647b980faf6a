"""One payment order for one reader: what is known of what asks for it, and what only its own page asks for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from sqlalchemy import Row, and_, func, or_, select

from ...db import db
from ...errors import NotFound
from ...models import (
    OFFLINE,
    ActorKind,
    Attempt,
    Contact,
    Gateway,
    History,
    IntentPurpose,
    Invoice,
    OrderEmail,
    PaymentIntent,
    PaymentOrder,
    PaymentOrderLine,
    Receipt,
    Route,
    SalesOrder,
    User,
)
from ...money import Money
from ...states.attempt import AttemptStatus
from ...states.intent import IntentStatus
from ...states.payment_order import PaymentOrderStatus
from ..orders.facts import Facts
from ..orders.facts import load as load_order
from ..orders.payment_facts import PaymentOrderFacts
from ..orders.views import Link
from ..routes import Way
from . import checkouts, mails, owners, period
from .period import Period
from .reversals import Reversals
from .source import Source

TRIES = (
    select(func.count())
    .select_from(Attempt)
    .where(Attempt.intent_id == PaymentIntent.id)
    .correlate(PaymentIntent)
    .scalar_subquery()
)


FAILURES = (AttemptStatus.DECLINED, AttemptStatus.FAILED, AttemptStatus.CANCELLED)


class Collection:
    """A payment order (`row`, `figures`, `status` are its own) and its `source`, which is its `order`'s facts, or those
    of a `period` of an agreement; rows are read when asked for."""

    def __init__(self, source: Facts | Period, found: PaymentOrderFacts) -> None:
        self.source: Source = source
        self.order = source if isinstance(source, Facts) else None
        self.period = source if isinstance(source, Period) else None
        self.row = found.row
        self.figures = found.figures
        self.status = found.status

    @property
    def number(self) -> str:
        return str(self.row.number)

    @property
    def trail(self) -> tuple[Link, Link]:
        """The list that what asks for it is in, and its page."""
        if self.period is not None:
            return Link(_("Agreements"), url_for("agreements.index")), self.period.agreement
        return order_trail(self.source.row.number)

    @property
    def balance(self) -> Money:
        """What is still to be collected; nothing once it is cancelled."""
        return self.source.money(0 if self.is_cancelled else self.figures.balance)

    @property
    def way(self) -> Way | None:
        """Which way what is still to be collected goes, open or not."""
        return self.source.way_of(self.balance, self.row.chosen_route_id)

    @property
    def is_cancelled(self) -> bool:
        return self.row.status is PaymentOrderStatus.CANCELLED

    @property
    def is_open(self) -> bool:
        return bool(self.balance)

    @property
    def has_live_link(self) -> bool:
        """A link that the customer could pay with at this moment."""
        return self.has_live_checkout and self.row.intent_purpose is IntentPurpose.LINK

    @property
    def has_live_checkout(self) -> bool:
        """A link of its own, or an approval's payment step, that has not run out of time."""
        row = self.row
        return row.intent_status is IntentStatus.LIVE and row.expires_at > self.source.now

    @cached_property
    def attempts(self) -> list[Row[Any]]:
        """Newest first, once for each transaction an attempt made."""
        return [x for x in self.source.attempts if x.payment_order_id == self.row.id]

    @cached_property
    def reversals(self) -> Reversals:
        """What was captured, voided, refunded and contested of it, and what still can be."""
        proven = [x for x in self.attempts if x.transaction_id is not None]
        return Reversals(self.row.id, self.number, proven, self.source.reader)

    @property
    def last_attempt(self) -> Row[Any] | None:
        return self.attempts[0] if self.attempts else None

    @property
    def held_until(self) -> datetime | None:
        """When the bank lets go what it holds now."""
        hold = self.reversals.hold
        return hold.held_until if hold is not None else None

    @property
    def last_failure(self) -> Row[Any] | None:
        """The last try, if nothing came of it and its money is still wanted."""
        last = self.last_attempt
        return last if self.is_open and last is not None and last.status in FAILURES else None

    @property
    def challenged(self) -> Row[Any] | None:
        """The last try, if staff made it and the bank now asks the cardholder; a customer's is theirs to answer."""
        last = self.last_attempt
        if last is None or last.status is not AttemptStatus.REQUIRES_ACTION:
            return None
        return last if last.actor_kind == ActorKind.USER else None

    @cached_property
    def about(self) -> Any:
        """Contact, route, who made it, and the invoice that it asks for or came to pay."""
        return db.session.execute(
            select(
                PaymentOrder.created_at,
                Contact.name.label("contact_name"),
                Contact.email.label("contact_email"),
                Route.name.label("route_name"),
                Route.descriptor,
                Gateway.name.label("gateway_name"),
                User.name.label("creator"),
                Invoice.number.label("invoice"),
            )
            .outerjoin(Contact, Contact.id == PaymentOrder.contact_id)
            .outerjoin(Route, Route.id == PaymentOrder.route_id)
            .outerjoin(Gateway, Gateway.id == Route.gateway_id)
            .outerjoin(User, User.id == PaymentOrder.created_by_id)
            .outerjoin(Invoice, Invoice.id == PaymentOrder.invoice_id)
            .where(PaymentOrder.id == self.row.id)
        ).one()

    @cached_property
    def lines(self) -> Sequence[Any]:
        query = select(PaymentOrderLine.description, PaymentOrderLine.amount)
        mine = PaymentOrderLine.payment_order_id == self.row.id
        return db.session.execute(query.where(mine).order_by(PaymentOrderLine.id)).all()

    @cached_property
    def offline(self) -> Sequence[Row[Any]]:
        """Receipts of cheques, wires and cash, and of what of them left again; newest first."""
        columns = (Receipt.id, Receipt.number, Receipt.amount, Receipt.currency, Receipt.at, Receipt.paid_with)
        query: Any = select(*columns).where(Receipt.payment_order_id == self.row.id, Receipt.kind.in_(OFFLINE))
        return db.session.execute(query.order_by(Receipt.id.desc())).all()

    @cached_property
    def intents(self) -> Sequence[Any]:
        """Every checkout there was, newest first."""
        return db.session.execute(
            select(
                PaymentIntent.id,
                PaymentIntent.public_id,
                PaymentIntent.status,
                PaymentIntent.purpose,
                PaymentIntent.amount,
                PaymentIntent.created_at,
                PaymentIntent.expires_at,
                PaymentIntent.viewed_at,
                PaymentIntent.attempt_limit,
                PaymentIntent.generation,
                TRIES.label("tries"),
                checkouts.OPENED_BY,
            )
            .where(PaymentIntent.payment_order_id == self.row.id)
            .order_by(PaymentIntent.id.desc())
        ).all()

    @cached_property
    def mails(self) -> Sequence[Row[Any]]:
        """What went to the customer for this, newest first."""
        return db.session.execute(
            select(
                OrderEmail.id,
                OrderEmail.kind,
                OrderEmail.link_public_id,
                OrderEmail.status,
                OrderEmail.recipients,
                OrderEmail.created_at,
                OrderEmail.asked_by,
                OrderEmail.last_error,
            )
            .where(mails.to_customer(self.row.id))
            .order_by(OrderEmail.id.desc())
        ).all()

    @property
    def _intent_ids(self) -> list[int]:
        return [x.id for x in self.intents]

    @cached_property
    def history(self) -> Sequence[Row[Any]]:
        """What happened to it, its checkouts and its attempts, newest first."""
        parts = {
            "payment_order": [self.row.id],
            "payment_intent": self._intent_ids,
            "attempt": [x.id for x in self.attempts],
            "movement": [x.id for x in self.reversals.movements],
            "dispute": [x.id for x in self.reversals.disputes],
        }
        mine = [and_(History.entity == name, History.entity_id.in_(ids)) for name, ids in parts.items()]
        columns = (History.entity, History.event, History.actor_name, History.because, History.data, History.at)
        query = select(*columns).where(or_(*mine))
        return db.session.execute(query.order_by(History.id.desc())).all()


def order_trail(number: str) -> tuple[Link, Link]:
    return Link(_("Orders"), url_for("orders.index")), Link(number, url_for("orders.show", number=number))


def load(number: str, reader: User) -> Collection:
    """The payment order of that number as `reader` may see it. Raises NotFound, for foreign ones too."""
    row = db.session.execute(
        owners.joined(select(PaymentOrder.id, SalesOrder.number.label("order")).select_from(PaymentOrder)).where(
            PaymentOrder.number == number, owners.seen_by(reader)
        )
    ).one_or_none()
    if row is None:
        raise NotFound(f"payment order {number}")
    source: Facts | Period = load_order(row.order, reader) if row.order else period.load(row.id, reader)
    return Collection(source, next(x for x in source.payment_orders if x.row.id == row.id))
