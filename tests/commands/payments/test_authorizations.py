"""Money that is held and taken later: captured, in part or whole, let go, or lapsed."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import func, select

from app import clock, jobs
from app.access import Role
from app.commands.orders import orders
from app.commands.payments import authorizations, collection, movement_calls, movements
from app.commands.receivables import invoices, offline
from app.db import db, end_read, lock, transaction
from app.errors import Refusal
from app.gateways.sandbox import script
from app.gateways.sandbox.cards import Fault
from app.gateways.sandbox.tables import Call
from app.models import (
    SYSTEM,
    Invoice,
    OrderEmail,
    PaymentOrder,
    Receipt,
    SalesOrder,
    Transaction,
    User,
)
from app.models.order import TAG_LAPSED, TAG_LAPSES
from app.money import Money
from app.states.invoice import InvoiceStatus
from app.states.movement import MovementStatus as S
from app.states.order import OrderStatus
from app.states.payment_order import PaymentOrderStatus, PaymentStatus, derive
from tests import factories, ledgers
from tests.commands import moving
from tests.statements import planned, walked

pytestmark = pytest.mark.usefixtures("sound_books")


@pytest.fixture
def boss(app: Flask) -> User:
    return factories.user(Role.ADMIN)


@pytest.fixture(autouse=True)
def _later(app: Flask) -> None:
    moving.capture_later()


def test_an_authorization_moves_the_order_and_pays_no_invoice(boss: User) -> None:
    hold = moving.paid(boss)
    assert hold.action == "authorize"
    assert db.session.scalars(select(SalesOrder.status)).one() is OrderStatus.ACTIVATED
    assert db.session.scalars(select(Invoice.id)).all() == db.session.scalars(select(Receipt.id)).all() == []
    figures = moving.figures(hold)
    assert (figures.held, figures.captured, figures.balance) == (hold.amount, 0, 0)
    assert derive(figures, None, cancelled=False) is PaymentStatus.AUTHORIZED


def test_what_is_held_is_looked_at_without_reading_every_payment(boss: User) -> None:
    with planned() as steps:
        authorizations.watch()
    assert walked(steps) == set()
    assert [step for step in steps if "ix_attempt_held" in step]


def test_nobody_pays_again_while_it_is_held(boss: User) -> None:
    hold = moving.paid(boss)
    with pytest.raises(Refusal) as refused:
        collection.collect(hold.payment_order_id, pay_with=moving.card(), form_key="again", by=boss)
    assert refused.value.code in ("paid", "authorized")


def test_a_capture_makes_receipt_and_paid_invoice(boss: User) -> None:
    hold = moving.paid(boss)
    money = Money(hold.amount, hold.currency)
    assert movements.capture(hold.id, amount=money, form_key="c", by=boss).status is S.SUCCEEDED
    assert moving.actions(hold) == ["authorize", "capture"]
    assert db.session.scalars(select(Invoice.status)).one() is InvoiceStatus.PAID
    assert db.session.scalars(select(Receipt.amount)).one() == hold.amount
    capture = db.session.scalars(select(Transaction).where(Transaction.action == "capture")).one()
    assert moving.refund(capture, 100, boss).status is S.SUCCEEDED


def test_a_part_is_captured_and_the_rest_let_go(boss: User) -> None:
    hold = moving.paid(boss)
    movements.capture(hold.id, amount=Money(30_000, "EUR"), form_key="c", by=boss)
    figures = moving.figures(hold)
    assert (figures.captured, figures.held, figures.balance) == (30_000, 0, hold.amount - 30_000)
    with pytest.raises(Refusal) as refused:
        movements.capture(hold.id, amount=Money(100, "EUR"), form_key="d", by=boss)
    assert refused.value.code == "not_held"


def test_what_is_credited_of_a_hold_is_not_captured(boss: User) -> None:
    hold = moving.paid(boss)
    moving.credit(hold, 6_000, boss)
    with pytest.raises(Refusal) as refused:
        movements.capture(hold.id, amount=Money(hold.amount, "EUR"), form_key="c", by=boss)
    assert refused.value.code == "more_than_due"
    movements.capture(hold.id, amount=Money(hold.amount - 6_000, "EUR"), form_key="d", by=boss)
    figures = moving.figures(hold)
    assert (figures.captured, figures.held, figures.balance) == (hold.amount - 6_000, 0, 0)


def test_a_hold_that_nothing_is_due_for_any_more_is_let_go(boss: User) -> None:
    hold = moving.paid(boss)
    moving.credit(hold, hold.amount, boss)
    assert db.session.get_one(PaymentOrder, hold.payment_order_id).status is PaymentOrderStatus.CANCELLED
    end_read()
    with time_machine.travel(clock.now() + timedelta(seconds=40), tick=True):
        movement_calls.sweep()
    assert moving.actions(hold) == ["authorize", "void"]


def test_nothing_is_credited_of_what_is_being_captured(boss: User) -> None:
    hold = moving.paid(boss)
    script.next_call(Call.CAPTURE, fault=Fault.TIMEOUT_AFTER)
    movements.capture(hold.id, amount=Money(hold.amount, "EUR"), form_key="c", by=boss)
    with pytest.raises(Refusal) as refused:
        moving.credit(hold, 6_000, boss)
    assert refused.value.code == "payment_in_progress"
    with time_machine.travel(clock.now() + timedelta(seconds=40), tick=True):
        movement_calls.sweep()


@pytest.mark.parametrize("came", [41_055, 20_000])
def test_what_was_paid_in_another_way_while_a_part_was_captured_is_not_asked_for(boss: User, came: int) -> None:
    hold = moving.paid(boss)
    order_id = db.session.get_one(PaymentOrder, hold.payment_order_id).order_id
    script.next_call(Call.CAPTURE, fault=Fault.TIMEOUT_AFTER)
    movements.capture(hold.id, amount=Money(30_000, "EUR"), form_key="c", by=boss)
    with transaction():
        invoice = invoices.on_terms(lock(SalesOrder, order_id), by=SYSTEM)
    assert invoice is not None and invoice.gross == hold.amount == 41_055
    offline.for_invoice(invoice.id, ledgers.came(came), form_key="w", by=boss)
    with time_machine.travel(clock.now() + timedelta(seconds=40), tick=True):
        movement_calls.sweep()
        jobs.run_due(raising=True)
    figures = moving.figures(hold)
    assert (figures.captured, figures.held, figures.balance) == (30_000, 0, 0)


def test_nothing_is_captured_after_a_void_nor_voided_after_a_capture(boss: User) -> None:
    hold = moving.paid(boss)
    assert movements.void(hold.id, because="Cancelled", form_key="v", by=boss).status is S.SUCCEEDED
    with pytest.raises(Refusal) as refused:
        movements.capture(hold.id, amount=Money(hold.amount, "EUR"), form_key="c", by=boss)
    assert refused.value.code == "not_held"
    figures = moving.figures(hold)
    assert (figures.authorized, figures.held, figures.balance) == (0, 0, hold.amount)
    assert db.session.scalar(select(func.count()).where(OrderEmail.kind == "authorization_released")) == 1
    other = moving.paid(boss)
    movements.capture(other.id, amount=Money(other.amount, "EUR"), form_key="c2", by=boss)
    with pytest.raises(Refusal):
        movements.void(other.id, because="Late", form_key="v2", by=boss)


def test_a_lost_capture_is_asked_about_and_blocks_the_void(boss: User) -> None:
    hold = moving.paid(boss)
    script.next_call(Call.CAPTURE, fault=Fault.TIMEOUT_AFTER)
    row = movements.capture(hold.id, amount=Money(hold.amount, "EUR"), form_key="c", by=boss)
    assert row.status is S.UNKNOWN
    with pytest.raises(Refusal):
        movements.void(hold.id, because="Impatient", form_key="v", by=boss)
    with time_machine.travel(clock.now() + timedelta(seconds=40), tick=True):
        movement_calls.sweep()
    assert moving.actions(hold) == ["authorize", "capture"]


def test_a_hold_is_warned_of_once_and_let_go_when_it_lapses(boss: User) -> None:
    hold = moving.paid(boss)
    with time_machine.travel(clock.now() + timedelta(days=5, hours=12), tick=True):
        authorizations.watch()
        authorizations.watch()
    order = db.session.scalars(select(SalesOrder)).one()
    db.session.refresh(order)
    assert TAG_LAPSES in order.tags
    assert db.session.scalar(select(func.count()).where(OrderEmail.kind == "authorization_lapses")) == 1
    end_read()
    with time_machine.travel(clock.now() + timedelta(days=8), tick=True):
        authorizations.watch()
        authorizations.watch()
        with pytest.raises(Refusal) as refused:
            movements.capture(hold.id, amount=Money(hold.amount, "EUR"), form_key="c", by=boss)
    db.session.refresh(order)
    assert refused.value.code in ("not_held", "lapsed")
    assert (TAG_LAPSES in order.tags, TAG_LAPSED in order.tags) == (False, True)
    assert moving.actions(hold) == ["authorize", "void"]
    assert moving.figures(hold).balance == hold.amount


def test_an_order_that_starts_after_the_hold_is_not_authorized(boss: User) -> None:
    order = factories.order(owner=boss, start_date=clock.today("UTC") + timedelta(days=30))
    with pytest.raises(Refusal) as refused:
        collection.collect_first(order.id, pay_with=moving.card(), form_key="k", by=boss)
    assert refused.value.code == "hold_too_short"


def order_with_a_line_from(days: int) -> SalesOrder:
    order = factories.order(start_date=clock.today("UTC"))
    with transaction() as session:
        session.get_one(SalesOrder, order.id).lines[-1].activation_date = clock.today("UTC") + timedelta(days=days)
    return order


def test_nor_is_one_a_line_of_which_starts_after_it(boss: User) -> None:
    soon, late = (order_with_a_line_from(days) for days in (3, 60))
    with pytest.raises(Refusal) as refused:
        collection.collect_first(late.id, pay_with=moving.card(), form_key="late", by=boss)
    assert refused.value.code == "hold_too_short"
    assert (clock.today("UTC") + timedelta(days=60)).isoformat() in refused.value.sentence
    held = collection.collect_first(soon.id, pay_with=moving.card(), form_key="soon", by=boss)
    assert held.status == "succeeded"


def test_cancelling_the_order_lets_the_hold_go(boss: User) -> None:
    from app import jobs

    hold = moving.paid(boss, start_date=clock.today("UTC") + timedelta(days=3))
    order_id = db.session.scalars(select(PaymentOrder.order_id)).one()
    end_read()
    orders.cancel(order_id, because="Changed their mind", by=boss)
    with time_machine.travel(clock.now() + timedelta(seconds=5), tick=True):
        jobs.run_due()
    assert moving.actions(hold) == ["authorize", "void"]
