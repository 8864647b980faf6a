"""The list of agreements: newest first, filtered by what the address says, paged by key. Two statements."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from flask import url_for
from sqlalchemy import ColumnElement, or_, select

from ... import settings
from ...db import db
from ...models import Account, PaymentAgreement, SalesOrder, User
from ...money import Money
from ...states.agreement import ENDED, AgreementStatus
from ...values import Value
from .. import routes
from ..scope import visible
from . import verdict, words

PAGE = 50
STATUSES = tuple(AgreementStatus)


class Filter(Value):
    """What the query string asks for; unknown values ask for nothing."""

    text: str = ""
    status: str = ""

    @classmethod
    def read(cls, args: Mapping[str, str]) -> Filter:
        status = args.get("status", "")
        return cls(" ".join(args.get("q", "").split())[:100], status if status in set(STATUSES) else "")

    def url(self, **more: Any) -> str:
        return url_for("agreements.index", q=self.text or None, status=self.status or None, **more)

    @property
    def narrows(self) -> bool:
        return bool(self.text or self.status)


class AgreementRow(Value):
    """`note` says why it is not live; `amount` is the next payment's, None where there is none."""

    number: str
    url: str
    status: str
    note: str
    customer: str
    order: str | None
    often: str
    collected: str
    next_on: date | None
    amount: Money | None


class AgreementList(Value):
    rows: tuple[AgreementRow, ...]
    previous: str | None
    next: str | None


COLUMNS: tuple[Any, ...] = (
    *verdict.COLUMNS,
    PaymentAgreement.number,
    PaymentAgreement.frequency,
    PaymentAgreement.every,
    Account.name.label("customer"),
    SalesOrder.number.label("order"),
)


def view(wanted: Filter, reader: User, *, before: int | None = None, after: int | None = None) -> AgreementList:
    """One page of agreements older than the one with the id `before`, or newer than `after`."""
    found = list(db.session.execute(_page(wanted, reader, before, after)))
    more, found = len(found) > PAGE, found[:PAGE]
    backwards = after is not None
    if backwards:
        found.reverse()
    older, newer = (backwards or more), (more if backwards else before is not None)
    return AgreementList(
        rows=rows(found),
        previous=wanted.url(after=found[0].id) if found and newer else None,
        next=wanted.url(before=found[-1].id) if found and older else None,
    )


def of_account(account_id: int, reader: User, *, most: int = 20) -> tuple[AgreementRow, ...]:
    """The account's, newest first, as far as `reader` sees them."""
    mine = _listed(reader).where(PaymentAgreement.account_id == account_id)
    return rows(list(db.session.execute(mine.order_by(PaymentAgreement.id.desc()).limit(most))))


def rows(found: list[Any]) -> tuple[AgreementRow, ...]:
    if not found:
        return ()
    table, allowed = routes.load(), bool(settings.get(settings.RECURRING))
    return tuple(
        row(x, facts, verdict.judged(facts, table, allowed=allowed)) for x in found for facts in [verdict.of_row(x)]
    )


def row(x: Any, facts: verdict.Facts, found: verdict.Verdict) -> AgreementRow:
    ended = x.status in ENDED
    status = words.shown(x.status, found)
    return AgreementRow(
        number=x.number,
        url=url_for("agreements.show", number=x.number),
        status=status,
        note="" if ended else found.reason if status == "not_live" else words.not_live(found),
        customer=x.customer,
        order=x.order,
        often=words.often(x.frequency, x.every),
        collected=words.collected(x.collection, words.card(x.brand, x.last4)),
        next_on=x.next_on if facts.comes else None,
        amount=Money(x.next_amount, x.currency) if x.next_amount and facts.comes else None,
    )


def _listed(reader: User) -> Any:
    query = verdict.joined(select(*COLUMNS)).outerjoin(SalesOrder, SalesOrder.id == PaymentAgreement.order_id)
    return query.where(visible(reader, PaymentAgreement.owner_id))


def _page(wanted: Filter, reader: User, before: int | None, after: int | None) -> Any:
    query = _listed(reader).where(*_conditions(wanted))
    if before is not None:
        query = query.where(PaymentAgreement.id < before)
    if after is not None:
        query = query.where(PaymentAgreement.id > after)
    order = PaymentAgreement.id.asc() if after is not None else PaymentAgreement.id.desc()
    return query.order_by(order).limit(PAGE + 1)


def _conditions(wanted: Filter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.status:
        found.append(PaymentAgreement.status == AgreementStatus(wanted.status))
    if wanted.text:
        number = wanted.text.upper()
        found.append(
            or_(
                PaymentAgreement.number.startswith(number, autoescape=True),
                SalesOrder.number.startswith(number, autoescape=True),
                Account.name.icontains(wanted.text, autoescape=True),
            )
        )
    return found
