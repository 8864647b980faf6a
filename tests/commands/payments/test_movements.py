"""Capture, void and refund against the sandbox: never more than is there, never twice, never under a second key."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import func, select

from app import clock, settings
from app.access import Role
from app.commands.office.settings import turn
from app.commands.payments import movement_calls, movements
from app.db import db, end_read
from app.errors import Refusal
from app.gateways.sandbox import movements as sandbox_movements
from app.gateways.sandbox import script
from app.gateways.sandbox.cards import Fault
from app.gateways.sandbox.tables import Call, ChargeState
from app.models import (
    Invoice,
    Movement,
    OrderEmail,
    Receipt,
    Transaction,
    User,
)
from app.money import Money
from app.queries import invariants
from app.states.invoice import InvoiceStatus
from app.states.movement import MovementStatus as S
from app.states.payment_order import PaymentStatus, derive
from tests import factories
from tests.commands import moving

pytestmark = pytest.mark.usefixtures("sound_books")


@pytest.fixture
def boss(app: Flask) -> User:
    return factories.user(Role.ADMIN)


def test_a_refund_leaves_a_transaction_a_negative_receipt_a_reopened_invoice_and_a_mail(boss: User) -> None:
    charge = moving.paid(boss)
    row = moving.refund(charge, 10_000, boss)
    assert row.status is S.SUCCEEDED
    assert (moving.figures(charge).refunded, moving.figures(charge).kept) == (10_000, charge.amount - 10_000)
    proof = db.session.scalars(select(Transaction).where(Transaction.action == "refund")).one()
    assert (proof.parent_id, proof.amount, proof.idempotency_key) == (charge.id, 10_000, row.idempotency_key)
    assert db.session.scalars(select(Receipt.amount).order_by(Receipt.id)).all() == [charge.amount, -10_000]
    assert db.session.scalars(select(Invoice.status)).one() is InvoiceStatus.PART_PAID
    mail = db.session.scalars(select(OrderEmail).where(OrderEmail.kind == "refund")).one()
    assert "100.00" in mail.text and "Returned goods" in mail.text


def test_all_of_it_back_makes_the_invoice_owed_again(boss: User) -> None:
    charge = moving.paid(boss)
    moving.refund(charge, charge.amount, boss)
    assert db.session.scalars(select(Invoice.status)).one() is InvoiceStatus.ISSUED
    assert derive(moving.figures(charge), None, cancelled=False) is PaymentStatus.REFUNDED


@pytest.mark.parametrize(("currency", "minor"), [("EUR", 1234), ("USD", 1), ("JPY", 12), ("KWD", 1234)])
def test_a_part_is_exact_in_every_currency(boss: User, currency: str, minor: int) -> None:
    charge = moving.paid(boss, currency=currency)
    moving.refund(charge, minor, boss)
    assert (charge.currency, moving.figures(charge).refunded) == (currency, minor)


def test_two_refunds_of_sixty_percent_cannot_both_be_asked_for(boss: User) -> None:
    charge = moving.paid(boss)
    script.next_call(Call.REFUND, state=ChargeState.PENDING)
    first = moving.refund(charge, charge.amount * 6 // 10, boss)
    assert first.status is S.PENDING
    with pytest.raises(Refusal) as refused:
        moving.refund(charge, charge.amount * 6 // 10 - 1, boss)
    assert refused.value.code == "more_than_left"
    assert moving.figures(charge).refunded == 0


def test_a_refund_that_fails_gives_its_room_back(boss: User) -> None:
    charge = moving.paid(boss)
    script.next_call(Call.REFUND, decline_code="insufficient_funds")
    assert moving.refund(charge, charge.amount, boss).status is S.FAILED
    assert moving.refund(charge, charge.amount, boss, key="again").status is S.SUCCEEDED


def test_a_refund_that_comes_back_restores_figures_receipts_and_invoice(boss: User) -> None:
    charge = moving.paid(boss)
    row = moving.refund(charge, charge.amount, boss)
    end_read()
    sandbox_movements.end_refund("sandbox", row.provider_id or "", error_code="account_closed")
    assert movement_calls.hear(charge.gateway_id, row.provider_id or "")
    assert moving.actions(charge) == ["charge", "refund", "refund_failure"]
    assert moving.figures(charge).refunded == 0
    assert db.session.get_one(Movement, row.id).status is S.RETURNED
    assert db.session.scalars(select(Invoice.status)).one() is InvoiceStatus.PAID
    assert movement_calls.hear(charge.gateway_id, row.provider_id or "")
    assert len(moving.actions(charge)) == 3


def test_one_form_sent_twice_is_one_refund(boss: User) -> None:
    charge = moving.paid(boss)
    twins = {moving.refund(charge, 500, boss, key="k").id for _ in range(2)}
    assert len(twins) == 1
    assert moving.figures(charge).refunded == 500


@pytest.mark.parametrize("fault", [Fault.TIMEOUT_BEFORE, Fault.TIMEOUT_AFTER, Fault.ERROR, Fault.TOO_MANY])
def test_a_lost_answer_is_unknown_until_asked_and_never_a_second_refund(boss: User, fault: Fault) -> None:
    charge = moving.paid(boss)
    script.next_call(Call.REFUND, fault=fault)
    row = moving.refund(charge, 500, boss)
    assert (row.status, moving.figures(charge).refunded) == (S.UNKNOWN, 0)
    with time_machine.travel(clock.now() + timedelta(seconds=40), tick=True):
        assert movement_calls.sweep() == 1
    assert moving.figures(charge).refunded == 500
    assert db.session.scalar(select(func.count()).select_from(Movement)) == 1


def test_what_never_arrived_is_failed_after_a_while_and_not_sent_any_more(boss: User) -> None:
    charge = moving.paid(boss)
    script.next_call(Call.REFUND, fault=Fault.TIMEOUT_BEFORE)
    row = moving.refund(charge, 500, boss)
    with time_machine.travel(clock.now() + timedelta(hours=1), tick=True):
        movement_calls.sweep()
    db.session.expire_all()
    assert (row.status, row.error_code) == (S.FAILED, "never_arrived")


def test_a_refund_made_at_the_processor_appears_once_and_like_any_other(boss: User) -> None:
    charge = moving.paid(boss)
    made = sandbox_movements.refund_by_hand("sandbox", charge.provider_id, Money(700, "EUR"), reason="by phone")
    for _ in range(3):
        assert movement_calls.hear(charge.gateway_id, made["id"])
    assert moving.figures(charge).refunded == 700
    row = db.session.scalars(select(Movement)).one()
    assert (row.elsewhere, row.actor_name, row.status) == (True, "The processor", S.SUCCEEDED)


def test_a_refund_of_nothing_of_ours_is_not_heard(boss: User) -> None:
    charge = moving.paid(boss)
    assert not movement_calls.hear(charge.gateway_id, "sbx_re_nobody")


@pytest.mark.parametrize(
    ("minor", "currency", "reason", "code"),
    [
        (0, "EUR", "x", "not_positive"),
        (41_056, "EUR", "x", "more_than_left"),
        (100, "USD", "x", "wrong_currency"),
        (100, "EUR", " ", "reason_missing"),
    ],
)
def test_a_refund_is_refused_in_words(boss: User, minor: int, currency: str, reason: str, code: str) -> None:
    charge = moving.paid(boss)
    with pytest.raises(Refusal) as refused:
        movements.refund(charge.id, amount=Money(minor, currency), because=reason, form_key="k", by=boss)
    assert refused.value.code == code


def test_salespeople_may_not_refund(boss: User) -> None:
    charge, seller = moving.paid(boss), factories.user()
    with pytest.raises(Refusal) as refused:
        moving.refund(charge, 100, seller)
    assert refused.value.code == "not_permitted"


@pytest.fixture
def two(boss: User) -> tuple[User, User]:
    """A limit of 100.00 with a second person, and two who may."""
    turn(settings.REFUND_SECOND_PERSON.key, True, by=boss)
    turn(settings.REFUND_LIMIT.key, 10_000, by=boss)
    return factories.user(Role.AR), factories.user(Role.AR)


def test_up_to_the_limit_nobody_else_is_asked(boss: User, two: tuple[User, User]) -> None:
    assert moving.refund(moving.paid(boss), 10_000, two[0]).status is S.SUCCEEDED


def test_a_refund_is_not_split_to_pass_under_the_limit(boss: User, two: tuple[User, User]) -> None:
    charge = moving.paid(boss)
    assert moving.refund(charge, 6_000, two[0]).status is S.SUCCEEDED
    assert moving.refund(charge, 6_000, two[0], key="again").status is S.REQUESTED


def test_above_the_limit_a_second_person_decides_and_the_money_is_held_back(boss: User, two: tuple[User, User]) -> None:
    charge = moving.paid(boss)
    row = moving.refund(charge, 40_000, two[0])
    assert (row.status, moving.figures(charge).refunded) == (S.REQUESTED, 0)
    with pytest.raises(Refusal) as own:
        movements.approve(row.id, by=two[0])
    with pytest.raises(Refusal) as more:
        moving.refund(charge, 5_000, two[1])
    assert (own.value.code, more.value.code) == ("own_request", "more_than_left")
    assert movements.approve(row.id, by=two[1]).status is S.SUCCEEDED
    assert moving.figures(charge).refunded == 40_000
    with pytest.raises(Refusal) as again:
        movements.approve(row.id, by=two[1])
    assert again.value.code == "not_waiting"


def test_one_made_at_the_processor_overtakes_what_waits_and_the_books_hold(boss: User, two: tuple[User, User]) -> None:
    charge = moving.paid(boss)
    row = moving.refund(charge, 40_000, two[0])
    made = sandbox_movements.refund_by_hand("sandbox", charge.provider_id, Money(30_000, "EUR"))
    assert movement_calls.hear(charge.gateway_id, made["id"])
    assert invariants.broken(grace=timedelta(0)) == []
    end_read()
    with pytest.raises(Refusal) as refused:
        movements.approve(row.id, by=two[1])
    assert (refused.value.code, moving.figures(charge).refunded) == ("more_than_left", 30_000)


def test_refused_by_the_second_person_it_is_free_again(boss: User, two: tuple[User, User]) -> None:
    charge = moving.paid(boss)
    row = moving.refund(charge, 40_000, two[0])
    assert movements.refuse(row.id, because="Credit them instead", by=two[1]).status is S.REFUSED
    assert moving.refund(charge, 10_000, two[0]).status is S.SUCCEEDED


def test_whoever_asked_may_take_it_back_and_nobody_else_without_the_right(boss: User, two: tuple[User, User]) -> None:
    row = moving.refund(moving.paid(boss), 40_000, two[0])
    with pytest.raises(Refusal) as refused:
        movements.refuse(row.id, because="No", by=factories.user())
    assert refused.value.code == "not_permitted"
    assert movements.refuse(row.id, because="A mistake", by=two[0]).status is S.REFUSED
