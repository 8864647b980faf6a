"""Refunds and disputes told by the sandbox's own signed events: any order, any number of times, one end."""

from __future__ import annotations

import itertools
import json
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from app import clock, jobs
from app.access import Role
from app.commands.payments import notices
from app.db import db, end_read
from app.gateways.sandbox import books
from app.gateways.sandbox import disputes as sandbox_disputes
from app.gateways.sandbox import movements as sandbox_movements
from app.gateways.sandbox import notices as sandbox_notices
from app.gateways.sandbox.tables import SandboxEvent
from app.models import Dispute, Movement, NoticeWork, Transaction, User
from app.money import Money
from app.queries import invariants
from app.states.dispute import DisputeStatus
from app.states.movement import MovementStatus
from app.states.notice import NoticeStatus
from tests import factories
from tests.commands import moving


@pytest.fixture
def boss(app: Flask) -> User:
    return factories.user(Role.ADMIN)


def deliver(order: tuple[int, ...], times: int = 2) -> None:
    """Each event of the sandbox so often, in this order, and all that follows from it."""
    with books.reading() as session:
        payloads = session.scalars(select(SandboxEvent.payload).order_by(SandboxEvent.id)).all()
    for n in order * times:
        body = json.dumps(payloads[n]).encode()
        notices.take_in("sandbox", body, sandbox_notices.signed("sandbox", body, clock.now()))
        jobs.run_due(raising=True)
    end_read()


def told(subject: str) -> tuple[int, ...]:
    """The places of the events about it."""
    with books.reading() as session:
        subjects = session.scalars(select(SandboxEvent.subject).order_by(SandboxEvent.id)).all()
    return tuple(n for n, x in enumerate(subjects) if str(x) == subject)


@pytest.mark.parametrize("order", list(itertools.permutations(range(2))))
def test_a_refund_that_goes_and_comes_back_ends_the_same_in_any_order(boss: User, order: tuple[int, ...]) -> None:
    charge = moving.paid(boss)
    made = sandbox_movements.refund_by_hand("sandbox", charge.provider_id, Money(700, "EUR"))
    sandbox_movements.end_refund("sandbox", made["id"], error_code="account_closed")
    events = told("refund")
    deliver(tuple(events[n] for n in order))
    assert moving.figures(charge).refunded == 0
    assert db.session.scalars(select(Movement.status)).all() == [MovementStatus.FAILED]
    assert invariants.broken(grace=timedelta(0)) == []


def test_a_refund_of_ours_is_told_by_its_event_once(boss: User) -> None:
    charge = moving.paid(boss)
    moving.refund(charge, 500, boss)
    deliver(told("refund"), times=3)
    assert moving.actions(charge) == ["charge", "refund"]
    assert len(db.session.scalars(select(Movement.id)).all()) == 1


@pytest.mark.parametrize("order", list(itertools.permutations(range(2))))
def test_a_dispute_ends_the_same_in_any_order(boss: User, order: tuple[int, ...]) -> None:
    charge = moving.paid(boss)
    facts = sandbox_disputes.open_one("sandbox", charge.provider_id)
    sandbox_disputes.decide("sandbox", facts.provider_id, won=False)
    events = told("dispute")
    deliver(tuple(events[n] for n in order))
    assert db.session.scalars(select(Dispute.status)).all() == [DisputeStatus.LOST]
    assert moving.figures(charge).kept == 0
    assert invariants.broken(grace=timedelta(0)) == []


def test_a_void_made_at_the_processor_lets_the_hold_go(boss: User, monkeypatch: pytest.MonkeyPatch) -> None:
    from app.gateways.movements import Movement as Move
    from app.gateways.movements import MovementRequest

    moving.capture_later()
    hold = moving.paid(boss)
    money = Money(hold.amount, hold.currency)
    sandbox_movements.move("sandbox", MovementRequest(Move.VOID, "by-hand", hold.provider_id, money))
    deliver(told("charge"))
    assert moving.actions(hold) == ["authorize", "void"]
    assert db.session.scalars(select(Movement.elsewhere)).one()


def test_an_event_about_nothing_of_ours_waits_and_harms_nothing(boss: User) -> None:
    charge = moving.paid(boss)
    sandbox_movements.refund_by_hand("sandbox", charge.provider_id, Money(100, "EUR"))
    with books.reading() as session:
        payload = dict(session.scalars(select(SandboxEvent.payload).order_by(SandboxEvent.id.desc())).first() or {})
    payload["id"], payload["data"] = "evt-stranger", payload["data"] | {"id": "sbx_re_stranger"}
    body = json.dumps(payload).encode()
    notices.take_in("sandbox", body, sandbox_notices.signed("sandbox", body, clock.now()))
    jobs.run_due(raising=False)
    assert db.session.scalars(select(NoticeWork.status)).one() is NoticeStatus.PARKED
    assert db.session.scalars(select(Transaction.action)).all() == ["charge"]
