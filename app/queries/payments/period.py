"""What a payment order of a period of an agreement is about: the agreement, its account, the period, its invoice."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from functools import cached_property
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from sqlalchemy import Row, and_, bindparam, func, select

from ...access import Permission, why_not
from ...clock import now, today
from ...db import read_columns
from ...formatting import day
from ...models import (
    Account,
    Contact,
    Document,
    Invoice,
    OrderKind,
    PaymentAgreement,
    PaymentOrder,
    Receipt,
    SalesOrder,
    ScheduledPayment,
    User,
)
from ...money import Money
from ...navigation import company
from ...states.attempt import OPEN
from .. import routes
from ..orders import documents, methods, payment_facts, unapplied, waiting
from ..orders.actions import Offers, on_hold
from ..orders.views import Link
from ..scope import visible

THIS: Any = bindparam("payment_order_id")
HEADER: Any = (
    select(
        PaymentAgreement.id,
        PaymentAgreement.number,
        PaymentOrder.currency,
        Account.id.label("account_id"),
        Account.number.label("account_number"),
        Account.name.label("account_name"),
        Account.account_group,
        Account.default_method_id,
        Account.hold_reason,
        Contact.name.label("contact_name"),
        Contact.email.label("contact_email"),
        ScheduledPayment.covers_from,
        ScheduledPayment.covers_to,
        Invoice.number.label("invoice"),
        *routes.COLUMNS,
    )
    .select_from(PaymentOrder)
    .join(PaymentAgreement, PaymentAgreement.id == PaymentOrder.agreement_id)
    .join(Account, Account.id == PaymentOrder.account_id)
    .outerjoin(Contact, Contact.id == func.coalesce(PaymentOrder.contact_id, PaymentAgreement.contact_id))
    .outerjoin(ScheduledPayment, ScheduledPayment.payment_order_id == PaymentOrder.id)
    .outerjoin(Invoice, Invoice.id == PaymentOrder.invoice_id)
    .where(PaymentOrder.id == THIS)
)
RECEIPTS: Any = documents.WHOLE.where(
    Document.kind == "receipt",
    Document.subject_id.in_(select(Receipt.id).where(Receipt.payment_order_id == THIS)),
)


class Period:
    """For one reader, one payment order. `order` is the sales order that made the agreement, where the reader sees it;
    what else that order asks for is none of this."""

    held_by_customer = False

    def __init__(self, row: Row[Any], payment_order_id: int, reader: User) -> None:
        self.row, self.payment_order_id, self.reader = row, payment_order_id, reader
        self.now: datetime = now()
        self.today: date = today(company().time_zone)
        self.actions = Offers(reader, {}, self._blocked)

    def money(self, minor: int) -> Money:
        return Money(minor, self.row.currency)

    @property
    def agreement(self) -> Link:
        return Link(self.row.number, url_for("agreements.show", number=self.row.number))

    @property
    def order(self) -> Link | None:
        number = self.row.order
        return Link(number, url_for("orders.show", number=number)) if number else None

    @property
    def invoice(self) -> Link | None:
        number = self.row.invoice
        seen = why_not(self.reader, Permission.INVOICE_VIEW) is None
        return Link(number, url_for("invoices.show", number=number) if seen else None) if number else None

    @property
    def covers(self) -> str:
        if self.row.covers_from is None:
            return ""
        return _("%(first)s to %(last)s", first=day(self.row.covers_from), last=day(self.row.covers_to))

    @cached_property
    def payment_orders(self) -> list[payment_facts.PaymentOrderFacts]:
        return [payment_facts.payment_order(self.payment_order_id)]

    @cached_property
    def attempts(self) -> Sequence[Row[Any]]:
        return payment_facts.its_attempts(self.payment_order_id)

    @cached_property
    def documents(self) -> Sequence[Row[Any]]:
        return read_columns(RECEIPTS, payment_order_id=self.payment_order_id).all()

    @cached_property
    def methods(self) -> Sequence[Row[Any]]:
        return methods.rows(self.row.account_id)

    @property
    def confirming(self) -> bool:
        return self.payment_orders[0].row.last_attempt in OPEN

    @cached_property
    def waiting(self) -> str | None:
        return waiting.words(self)

    @cached_property
    def unapplied(self) -> unapplied.Unapplied | None:
        return unapplied.of(self)

    def way_of(self, amount: Money, chosen: int | None = None) -> routes.Way | None:
        """Which way a charge of `amount` goes that staff or the customer make; open or not."""
        group, kind = self.row.account_group, OrderKind.RECURRING
        wanted = routes.Wanted(amount.currency, amount.minor or None, group, kind, route_id=chosen)
        return routes.find(routes.of(self.row), wanted)

    def _blocked(self, key: str) -> str | None:
        return on_hold(self.row.hold_reason) if key == "send_link" and self.row.hold_reason else None


def load(payment_order_id: int, reader: User) -> Period:
    """One statement. Of a payment order that asks for a period, and that `reader` sees."""
    made_by = and_(SalesOrder.id == PaymentAgreement.order_id, visible(reader, SalesOrder.owner_id))
    query = HEADER.outerjoin(SalesOrder, made_by).add_columns(
        SalesOrder.id.label("order_id"), SalesOrder.number.label("order")
    )
    return Period(read_columns(query, payment_order_id=payment_order_id).one(), payment_order_id, reader)
