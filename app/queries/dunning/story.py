"""The stories of one agreement: what failed, what was tried, what comes next and when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from sqlalchemy import select

from ...access import Permission, can
from ...db import db
from ...errors import NotFound
from ...language import marked
from ...models import (
    ActorKind,
    Attempt,
    CardNotice,
    DunningCase,
    DunningPolicy,
    DunningPolicyVersion,
    DunningStep,
    PaymentAgreement,
    PaymentMethod,
    ScheduledPayment,
    User,
)
from ...money import Money
from ...states import declines
from ...states.attempt import OPEN, AttemptStatus
from ...states.dunning import Action, CaseStatus
from ...values import Value
from ..agreements.acts import Act
from ..scope import visible
from . import acts, words

MOST = 5


class Entry(Value):
    """Something that happened; `detail` says what came of it."""

    icon: str
    tone: str
    who: str
    what: str
    detail: str
    at: datetime


class Coming(Value):
    """A step that waits; `note` says why it waits beyond its time."""

    what: str
    due_at: datetime
    note: str


class CaseView(Value):
    period: int
    amount: Money
    status: str
    reason: str
    policy: str
    policy_version: int
    past: tuple[Entry, ...]
    coming: tuple[Coming, ...]
    acts: tuple[Act, ...]


class Notice(Value):
    """The customer was asked for another card because this one expires."""

    card: str
    month: str
    at: datetime


class Story(Value):
    """`policy` is the one that the next decline is followed by; `choose` leads to choosing another."""

    url: str
    cases: tuple[CaseView, ...]
    notice: Notice | None
    policy: str
    choose: str | None


def view(number: str, reader: User) -> Story:
    """Four statements, however long the stories are. Raises NotFound, for foreign agreements too."""
    row = db.session.execute(
        select(PaymentAgreement.id, PaymentAgreement.zone, DunningPolicy.name, CardNotice, PaymentMethod)
        .outerjoin(DunningPolicy, _policy_of())
        .outerjoin(PaymentMethod, PaymentMethod.id == PaymentAgreement.method_id)
        .outerjoin(CardNotice, _notice_of())
        .where(PaymentAgreement.number == number, visible(reader, PaymentAgreement.owner_id))
    ).one_or_none()
    if row is None:
        raise NotFound(f"agreement {number}")
    id, zone, policy, told, method = row
    manages = can(Permission.AGREEMENT_MANAGE)
    return Story(
        url=url_for("agreements.dunning", number=number),
        cases=_cases(id, zone, url_for("agreements.show", number=number)),
        notice=Notice(method.label, f"{told.exp_month:02d}/{told.exp_year}", told.created_at) if told else None,
        policy=policy or "",
        choose=url_for("agreements.choose_policy_form", number=number) if manages else None,
    )


def _notice_of() -> Any:
    """Of the card that the agreement names, as it still is."""
    return (
        (CardNotice.method_id == PaymentMethod.id)
        & (CardNotice.exp_year == PaymentMethod.exp_year)
        & (CardNotice.exp_month == PaymentMethod.exp_month)
    )


def _policy_of() -> Any:
    named = DunningPolicy.id == PaymentAgreement.dunning_policy_id
    return named | (PaymentAgreement.dunning_policy_id.is_(None) & DunningPolicy.standard)


def _cases(agreement_id: int, zone: str, back: str) -> tuple[CaseView, ...]:
    rows = db.session.execute(
        select(DunningCase, ScheduledPayment, DunningPolicyVersion.version, DunningPolicy.name)
        .join(ScheduledPayment, ScheduledPayment.id == DunningCase.scheduled_payment_id)
        .join(DunningPolicyVersion, DunningPolicyVersion.id == DunningCase.policy_version_id)
        .join(DunningPolicy, DunningPolicy.id == DunningPolicyVersion.policy_id)
        .where(DunningCase.agreement_id == agreement_id)
        .order_by(DunningCase.id.desc())
        .limit(MOST)
    ).all()
    if not rows:
        return ()
    steps = _steps([x[0].id for x in rows])
    attempts = _attempts([x[1].payment_order_id for x in rows])
    return tuple(_case(*x, steps, _share(x[0], rows, attempts), zone, back) for x in rows)


def _steps(case_ids: Sequence[int]) -> Sequence[DunningStep]:
    query = select(DunningStep).where(DunningStep.case_id.in_(case_ids))
    return db.session.scalars(query.order_by(DunningStep.due_at, DunningStep.position)).all()


def _attempts(payment_order_ids: Sequence[int | None]) -> Sequence[Attempt]:
    query = select(Attempt).where(Attempt.payment_order_id.in_(payment_order_ids))
    return db.session.scalars(query.order_by(Attempt.id)).all()


def _share(case: DunningCase, rows: Sequence[Any], attempts: Sequence[Attempt]) -> list[Attempt]:
    """The charges of its period that belong to this story, and not to another one of the same period."""
    same = [x[0] for x in rows if x[0].scheduled_payment_id == case.scheduled_payment_id]
    order_id = next(x[1].payment_order_id for x in rows if x[0].id == case.id)

    def of(attempt: Attempt) -> int:
        begun = [x.id for x in same if x.opened_at <= (attempt.ended_at or attempt.created_at)]
        return max(begun, default=min(x.id for x in same))

    return [x for x in attempts if x.payment_order_id == order_id and of(x) == case.id]


def _case(
    case: DunningCase,
    payment: ScheduledPayment,
    version: int,
    policy: str,
    steps: Sequence[DunningStep],
    attempts: list[Attempt],
    zone: str,
    back: str,
) -> CaseView:
    mine = [x for x in steps if x.case_id == case.id]
    asked = {x.attempt_id: x.asked_by for x in mine if x.attempt_id is not None}
    past = [_charge(x, asked.get(x.id, "")) for x in attempts] + [e for x in mine for e in _entries(x)]
    return CaseView(
        period=payment.period,
        amount=payment.money,
        status=str(case.status),
        reason=case.reason,
        policy=policy,
        policy_version=version,
        past=tuple(sorted(past, key=lambda x: x.at, reverse=True)),
        coming=tuple(Coming(words.coming(x.action, x.due_at, zone), x.due_at, x.note) for x in mine if x.waits),
        acts=acts.of(case.id, CaseStatus(case.status), case.kind, back=back),
    )


def _charge(attempt: Attempt, asked_by: str) -> Entry:
    by_itself = attempt.actor_kind == ActorKind.SYSTEM
    who = asked_by or (_("The schedule") if by_itself else attempt.actor_name)
    what = _("charged %(card)s", card=attempt.card_label) if attempt.card_label else _("tried to charge")
    at = attempt.ended_at or attempt.created_at
    if attempt.status is AttemptStatus.SUCCEEDED:
        return Entry("circle-check", "ok", who, what, _("Paid."), at)
    if attempt.status in OPEN:
        return Entry("refresh", "", who, what, _("Its outcome is not known yet."), at)
    if attempt.decline_code is None or attempt.status is AttemptStatus.FAILED:
        return Entry("circle-x", "bad", who, what, attempt.error or _("Nothing was charged."), at)
    found = declines.explain(attempt.decline_code, attempt.advice)
    return Entry("circle-x", "bad", who, what, f"{_(found.staff)} {_(found.staff_next)}", at)


def _entries(step: DunningStep) -> list[Entry]:
    """What was done beside charging, and what was told ahead."""
    who, found = step.asked_by or _("The policy"), []
    if step.told_at is not None and step.tell_customer:
        what = step.note if step.note and step.waits else _("told the customer of the decline, with a link to pay")
        found.append(Entry("mail", "", who, what, "", step.told_at))
    if step.done_at is not None and step.action is not Action.RETRY:
        icon, what = DONE[step.action]
        found.append(Entry(icon, "", who, _(what), step.note, step.done_at))
    if step.dropped_at is not None and step.asked_by and step.note:
        found.append(Entry("circle-x", "bad", who, _("could not have it done"), step.note, step.dropped_at))
    return found


DONE = {
    Action.AUTHENTICATE: ("link", marked("mailed the customer a link to pay")),
    Action.NEW_METHOD: ("credit-card", marked("mailed the customer a link to add a card")),
    Action.PAST_DUE: ("alert-circle", marked("set the agreement past due")),
    Action.STOP: ("ban", marked("came to its end without a payment")),
}
