"""The recurring plan panel: each agreement with its verdict, its next payment and what may be done with it.

What it needs comes along with the order's header, so that the panel costs no statement of its own.
"""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple

from flask import url_for
from sqlalchemy import select
from sqlalchemy.orm import aliased

from ... import clock, settings
from ...models import (
    CollectionMethod,
    PaymentAgreement,
    PaymentMethod,
    Renewal,
    SalesOrder,
    ScheduledPayment,
    Token,
)
from ...money import Money
from ...states.agreement import ENDED, AgreementStatus
from ...states.scheduled_payment import ScheduledStatus
from .. import routes
from ..agreements import acts, verdict, words
from ..agreements.term import Term
from ..coverage import MethodFacts
from ..nested import json_rows
from .views import PlanView, RecurringPlanView

if TYPE_CHECKING:
    from .facts import Facts

_Payment, _Known = aliased(ScheduledPayment), aliased(ScheduledPayment)


def _next(column: Any) -> Any:
    mine = select(column).where(_Payment.agreement_id == PaymentAgreement.id)
    mine = mine.where(_Payment.status == ScheduledStatus.SCHEDULED).order_by(_Payment.period).limit(1)
    return mine.correlate(PaymentAgreement).scalar_subquery()


def _method(column: Any) -> Any:
    mine = select(column).where(PaymentMethod.id == PaymentAgreement.method_id)
    return mine.correlate(PaymentAgreement).scalar_subquery()


_SCHEDULED = select(_Known.id).where(_Known.agreement_id == PaymentAgreement.id).limit(1).correlate(PaymentAgreement)
_TOKENS = (
    select(json_rows(gateway=Token.gateway_id))
    .where(Token.method_id == PaymentAgreement.method_id, Token.valid)
    .correlate(PaymentAgreement)
    .scalar_subquery()
)
AGREEMENTS = (
    select(
        json_rows(
            id=PaymentAgreement.id,
            number=PaymentAgreement.number,
            status=PaymentAgreement.status,
            frequency=PaymentAgreement.frequency,
            every=PaymentAgreement.every,
            zone=PaymentAgreement.zone,
            currency=PaymentAgreement.currency,
            collection=PaymentAgreement.collection,
            contact=PaymentAgreement.contact_id,
            cancels_on=PaymentAgreement.cancels_on,
            ends_on=PaymentAgreement.ends_on,
            renewal=PaymentAgreement.renewal,
            term_months=PaymentAgreement.term_months,
            paused_until=PaymentAgreement.paused_until,
            scheduled=_SCHEDULED.scalar_subquery(),
            next_on=_next(_Payment.due_on),
            next_amount=_next(_Payment.amount),
            method=PaymentAgreement.method_id,
            brand=_method(PaymentMethod.brand),
            last4=_method(PaymentMethod.last4),
            exp_year=_method(PaymentMethod.exp_year),
            exp_month=_method(PaymentMethod.exp_month),
            # Of a time only whether there is one; the databases write it in ways of their own.
            detached=_method(PaymentMethod.detached_at.is_not(None)),
            hard_declined=_method(PaymentMethod.hard_declined_at.is_not(None)),
            tokens=_TOKENS,
        )
    )
    .where(PaymentAgreement.order_id == SalesOrder.id)
    .correlate(SalesOrder)
    .scalar_subquery()
)


def view(facts: Facts) -> RecurringPlanView:
    found = sorted(facts.row.agreements, key=lambda x: x["id"])
    expected = any(line.frequency for line in facts.lines)
    return RecurringPlanView(expected, tuple(_plan(facts, x) for x in found))


def _plan(facts: Facts, x: dict[str, Any]) -> PlanView:
    known, status = _facts(facts, x), AgreementStatus(x["status"])
    allowed = bool(settings.get(settings.RECURRING))
    found = verdict.judged(known, routes.of(facts.row), allowed=allowed)
    ended = status in ENDED
    back, term = url_for("orders.show", number=facts.row.number), _term(x)
    return PlanView(
        number=x["number"],
        url=url_for("agreements.show", number=x["number"]),
        status=words.shown(status, found),
        note="" if ended else words.not_live(found),
        checks=found.checks,
        often=words.often(x["frequency"], x["every"]),
        collected=words.collected(x["collection"], words.card(x["brand"], x["last4"])),
        next_on=known.next_on if known.comes else None,
        amount=Money(known.amount, known.currency) if known.amount and known.comes else None,
        cancels_on=known.cancels_on,
        ends_on=term.ends_on if term.ends_soon else None,
        paused_until=_date(x["paused_until"]),
        acts=tuple(acts.of(x["number"], term, back=back)),
    )


def _term(x: dict[str, Any]) -> Term:
    return Term(
        AgreementStatus(x["status"]),
        Renewal(x["renewal"]),
        x["term_months"],
        _date(x["ends_on"]),
        _date(x["cancels_on"]),
        clock.today(x["zone"]),
    )


class TermEnd(NamedTuple):
    """The agreement `number` goes on after `day` only if somebody renews it."""

    number: str
    day: date


def ending(facts: Facts) -> TermEnd | None:
    """The first term that ends soon."""
    terms = ((x["number"], _term(x)) for x in facts.row.agreements)
    found = (TermEnd(number, term.ends_on) for number, term in terms if term.ends_soon and term.ends_on is not None)
    return min(found, key=lambda end: (end.day, end.number), default=None)


def _facts(facts: Facts, x: dict[str, Any]) -> verdict.Facts:
    return verdict.Facts(
        status=AgreementStatus(x["status"]),
        today=clock.today(x["zone"]),
        scheduled=x["scheduled"] is not None,
        next_on=_date(x["next_on"]),
        amount=x["next_amount"],
        currency=x["currency"],
        cancels_on=_date(x["cancels_on"]),
        collection=CollectionMethod(x["collection"]),
        method=_method_of(x),
        account_group=facts.row.account_group,
        hold_reason=facts.row.hold_reason,
        reachable=x["contact"] is not None or facts.row.billing_contact_id is not None,
    )


def _method_of(x: dict[str, Any]) -> MethodFacts | None:
    if x["method"] is None:
        return None
    return MethodFacts(
        exp_year=x["exp_year"],
        exp_month=x["exp_month"],
        detached=bool(x["detached"]),
        hard_declined=bool(x["hard_declined"]),
        gateways=frozenset(token["gateway"] for token in _list(x["tokens"])),
    )


def _list(value: Any) -> list[dict[str, Any]]:
    """SQLite nests a JSON column as its text."""
    return json.loads(value) if isinstance(value, str) else value


def _date(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
