"""Escalations: one per symptom and subject, taken up by its team, cleared by the system that sees the cause gone."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from app import clock
from app.access import Role
from app.commands.office import escalations
from app.db import db, lock, transaction
from app.errors import Refusal
from app.models import Escalation, SalesOrder, Symptom, Team
from app.states.escalation import EscalationStatus
from tests import factories

S = EscalationStatus


def opened(order: SalesOrder, symptom: Symptom = Symptom.LATE_MONEY) -> Escalation:
    with transaction():
        order = lock(SalesOrder, order.id)
        return escalations.open(symptom, order, order.number, "Money came late.", order_id=order.id, amount=1200)


@pytest.fixture
def order(app: Flask) -> SalesOrder:
    return factories.order()


def test_every_symptom_has_its_team_and_time() -> None:
    assert set(escalations.CARE) == set(Symptom)


def test_it_goes_to_its_team_with_what_the_system_knew(order: SalesOrder) -> None:
    row = opened(order)
    assert (row.team, row.status, row.subject_label) == (Team.FINANCE, S.OPEN, order.number)
    assert row.context == {"amount": 1200}
    assert timedelta(0) < row.due_at - clock.now() <= timedelta(hours=8)


def test_the_same_symptom_of_the_same_subject_is_escalated_once(order: SalesOrder) -> None:
    assert opened(order).id == opened(order).id
    assert opened(order, Symptom.MISSING_CONTEXT).id != opened(order).id


@pytest.mark.engines
def test_the_database_refuses_a_second_one(any_app: Flask) -> None:
    row = opened(factories.order())
    facts = {c: getattr(row, c) for c in ("symptom", "team", "subject_kind", "subject_id", "subject_label", "summary")}
    with pytest.raises(IntegrityError), transaction() as session:
        session.add(Escalation(**facts, opened_by="x", due_at=clock.now()))


def test_whoever_takes_it_up_owns_it(order: SalesOrder) -> None:
    person = factories.user(Role.AR)
    row = escalations.acknowledge(opened(order).id, by=person)
    assert (row.status, row.owner_id) == (S.ACKNOWLEDGED, person.id)
    with pytest.raises(Refusal) as refused:
        escalations.acknowledge(row.id, by=person)
    assert refused.value.code == "not_open"


def test_resolved_and_opened_again(order: SalesOrder) -> None:
    person = factories.user(Role.AR)
    row = escalations.resolve(opened(order).id, because="Refunded.", by=person)
    assert row.status is S.RESOLVED and row.resolved_at is not None
    row = escalations.reopen(row.id, because="The refund failed.", by=person)
    assert row.status is S.OPEN and row.resolved_at is None


def test_an_old_one_stays_closed_once_a_newer_one_is_open(order: SalesOrder) -> None:
    person = factories.user(Role.AR)
    old = escalations.resolve(opened(order).id, because="Refunded.", by=person)
    opened(order)
    with pytest.raises(Refusal) as refused:
        escalations.reopen(old.id, because="Again.", by=person)
    assert refused.value.code == "opened_again"


def test_the_system_clears_what_it_sees_mended(order: SalesOrder) -> None:
    row = opened(order)
    with transaction():
        escalations.clear(Symptom.LATE_MONEY, lock(SalesOrder, order.id), "The money was applied.")
    assert db.session.get_one(Escalation, row.id).status is S.RESOLVED
    with transaction():
        escalations.clear(Symptom.LATE_MONEY, lock(SalesOrder, order.id), "Nothing is open.")
    assert db.session.scalar(select(func.count(Escalation.id))) == 1


def test_only_those_who_may_take_it_up(order: SalesOrder) -> None:
    row = opened(order)
    with pytest.raises(Refusal) as refused:
        escalations.acknowledge(row.id, by=factories.user(Role.SALESPERSON))
    assert refused.value.code == "not_permitted"
