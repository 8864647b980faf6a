"""Escalations: opened by the system or a person, once per symptom and subject; taken up and resolved by its team."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import select

from ... import clock
from ...access import Permission, demand
from ...db import db, lock, transaction
from ...errors import Refusal
from ...models import SYSTEM, Actor, User
from ...models.escalation import Escalation, Symptom, Team
from ...states.escalation import EscalationEvent, EscalationStatus

# Which team mends it, and how soon somebody must have taken it up.
CARE: dict[Symptom, tuple[Team, timedelta]] = {
    Symptom.MISSING_CONTEXT: (Team.SALES_OPERATIONS, timedelta(hours=8)),
    Symptom.LATE_MONEY: (Team.FINANCE, timedelta(hours=8)),
    Symptom.LINK_FAILED: (Team.PAYMENT_OPERATIONS, timedelta(hours=4)),
    Symptom.RETOKENIZATION: (Team.PAYMENT_ADMIN, timedelta(days=1)),
    Symptom.ATTEMPT_UNKNOWN: (Team.PAYMENT_OPERATIONS, timedelta(hours=2)),
    Symptom.QUARANTINED: (Team.PAYMENT_OPERATIONS, timedelta(hours=2)),
    Symptom.UNMATCHED_EVENT: (Team.PAYMENT_OPERATIONS, timedelta(hours=8)),
    Symptom.SETTLEMENT_EXCEPTION: (Team.FINANCE, timedelta(days=2)),
    Symptom.DISPUTE_DUE: (Team.FINANCE, timedelta(days=1)),
    Symptom.INVARIANT_BROKEN: (Team.PAYMENT_OPERATIONS, timedelta(hours=1)),
    Symptom.OVERDRAWN: (Team.FINANCE, timedelta(hours=8)),
    Symptom.WRONG_RECIPIENT: (Team.ADMIN, timedelta(hours=8)),
}


def unresolved(symptom: Symptom, subject_kind: str, subject_id: int) -> Escalation | None:
    return db.session.scalars(
        select(Escalation).where(
            Escalation.symptom == symptom,
            Escalation.subject_kind == subject_kind,
            Escalation.subject_id == subject_id,
            Escalation.status != EscalationStatus.RESOLVED,
        )
    ).one_or_none()


def open(
    symptom: Symptom,
    subject: Any,
    label: str,
    summary: str,
    *,
    by: Actor = SYSTEM,
    order_id: int | None = None,
    account_id: int | None = None,
    **context: Any,
) -> Escalation:
    """The one escalation about this symptom of `subject` (a record), opened now if there is none yet.

    Inside a transaction, with `subject` locked: that is what keeps it one.
    """
    known = unresolved(symptom, subject.__tablename__, subject.id)
    if known is not None:
        return known
    team, sla = CARE[symptom]
    row = Escalation(
        symptom=symptom,
        team=team,
        subject_kind=subject.__tablename__,
        subject_id=subject.id,
        subject_label=label,
        order_id=order_id,
        account_id=account_id,
        summary=summary[:500],
        context=context,
        opened_by=by.name,
        due_at=clock.now() + sla,
    )
    db.session.add(row)
    row.record("opened", by=by, because=row.summary, symptom=symptom, team=team)
    return row


def clear(symptom: Symptom, subject: Any, because: str) -> None:
    """The system sees that the cause is gone. Inside a transaction, with `subject` locked."""
    known = unresolved(symptom, subject.__tablename__, subject.id)
    if known is not None:
        known.resolved_at = clock.now()
        known.transition(EscalationEvent.CLEAR, by=SYSTEM, because=because)


def acknowledge(escalation_id: int, *, by: User) -> Escalation:
    """Somebody takes it up and becomes its owner. Raises Refusal: `not_permitted`, `not_open`."""
    with transaction():
        row = _locked(escalation_id, by)
        if not row.can(EscalationEvent.ACKNOWLEDGE):
            raise Refusal("not_open", "Somebody took this escalation up already.", "Reload the page to see who has it.")
        row.owner_id = by.id
        row.transition(EscalationEvent.ACKNOWLEDGE, by=Actor.of(by))
        return row


def resolve(escalation_id: int, *, because: str, by: User) -> Escalation:
    """Raises Refusal: `not_permitted`, `not_open`."""
    with transaction():
        row = _locked(escalation_id, by)
        if not row.can(EscalationEvent.RESOLVE):
            raise Refusal("not_open", "This escalation is resolved already.")
        row.resolved_at = clock.now()
        row.transition(EscalationEvent.RESOLVE, by=Actor.of(by), because=because)
        return row


def reopen(escalation_id: int, *, because: str, by: User) -> Escalation:
    """Raises Refusal: `not_permitted`, `not_resolved`, `opened_again`."""
    with transaction():
        row = _locked(escalation_id, by)
        if not row.can(EscalationEvent.REOPEN):
            raise Refusal("not_resolved", "This escalation is not resolved, so it is still open.")
        if unresolved(row.symptom, row.subject_kind, row.subject_id) is not None:
            raise Refusal("opened_again", "The same was escalated again since.", "Work on the newer one.")
        row.resolved_at = None
        row.transition(EscalationEvent.REOPEN, by=Actor.of(by), because=because)
        return row


def _locked(escalation_id: int, by: User) -> Escalation:
    demand(by, Permission.ESCALATION_RESOLVE)
    return lock(Escalation, escalation_id)
