"""Capture, void and refund against the sandbox: never more than is there, never twice, never under a second key."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import func, select

from app import clock, jobs, settings
from app.access import Role
from app.commands.office.settings import turn
from app.commands.orders import orders
from app.commands.payments import authorizations, collection, movement_calls, movements
from app.commands.receivables import invoices, offline
from app.db import db, end_read, lock, transaction
from app.errors import Refusal
from app.gateways.sandbox import movements as sandbox_movements
from app.gateways.sandbox import script
from app.gateways.sandbox.cards import Fault
from app.gateways.sandbox.tables import Call, ChargeState
from app.models import (
    SYSTEM,
    Invoice,
    Movement,
    OrderEmail,
    PaymentOrder,
    Receipt,
    SalesOrder,
    Transaction,
    User,
)
from app.models.order import TAG_LAPSED, TAG_LAPSES
from app.money import Money
from app.queries import invariants
from app.states.invoice import InvoiceStatus
from app.states.movement import MovementStatus as S
from app.states.order import OrderStatus
from app.states.payment_order import PaymentOrderStatus, PaymentStatus, derive
from tests import factories, ledgers
from tests.commands import moving

NOW = timedelta(0)


@pytest.fixture
def boss(app: Flask) -> User:
    return factories.user(Role.ADMIN)


@pytest.fixture(autouse=True)
def _the_books_hold(app: Flask):  # type: ignore[no-untyped-def]
    yield
    end_read()
    assert invariants.broken(grace=NOW) == []


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
    assert invariants.broken(grace=NOW) == []
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


class TestCaptureLater:
    @pytest.fixture(autouse=True)
    def _later(self, monkeypatch: pytest.MonkeyPatch) -> None:
        moving.capture_later()

    def test_an_authorization_moves_the_order_and_pays_no_invoice(self, boss: User) -> None:
        hold = moving.paid(boss)
        assert hold.action == "authorize"
        assert db.session.scalars(select(SalesOrder.status)).one() is OrderStatus.ACTIVATED
        assert db.session.scalars(select(Invoice.id)).all() == db.session.scalars(select(Receipt.id)).all() == []
        figures = moving.figures(hold)
        assert (figures.held, figures.captured, figures.balance) == (hold.amount, 0, 0)
        assert derive(figures, None, cancelled=False) is PaymentStatus.AUTHORIZED

    def test_nobody_pays_again_while_it_is_held(self, boss: User) -> None:
        hold = moving.paid(boss)
        with pytest.raises(Refusal) as refused:
            collection.collect(hold.payment_order_id, pay_with=moving.card(), form_key="again", by=boss)
        assert refused.value.code in ("paid", "authorized")

    def test_a_capture_makes_receipt_and_paid_invoice(self, boss: User) -> None:
        hold = moving.paid(boss)
        money = Money(hold.amount, hold.currency)
        assert movements.capture(hold.id, amount=money, form_key="c", by=boss).status is S.SUCCEEDED
        assert moving.actions(hold) == ["authorize", "capture"]
        assert db.session.scalars(select(Invoice.status)).one() is InvoiceStatus.PAID
        assert db.session.scalars(select(Receipt.amount)).one() == hold.amount
        capture = db.session.scalars(select(Transaction).where(Transaction.action == "capture")).one()
        assert moving.refund(capture, 100, boss).status is S.SUCCEEDED

    def test_a_part_is_captured_and_the_rest_let_go(self, boss: User) -> None:
        hold = moving.paid(boss)
        movements.capture(hold.id, amount=Money(30_000, "EUR"), form_key="c", by=boss)
        figures = moving.figures(hold)
        assert (figures.captured, figures.held, figures.balance) == (30_000, 0, hold.amount - 30_000)
        with pytest.raises(Refusal) as refused:
            movements.capture(hold.id, amount=Money(100, "EUR"), form_key="d", by=boss)
        assert refused.value.code == "not_held"

    def test_what_is_credited_of_a_hold_is_not_captured(self, boss: User) -> None:
        hold = moving.paid(boss)
        moving.credit(hold, 6_000, boss)
        with pytest.raises(Refusal) as refused:
            movements.capture(hold.id, amount=Money(hold.amount, "EUR"), form_key="c", by=boss)
        assert refused.value.code == "more_than_due"
        movements.capture(hold.id, amount=Money(hold.amount - 6_000, "EUR"), form_key="d", by=boss)
        figures = moving.figures(hold)
        assert (figures.captured, figures.held, figures.balance) == (hold.amount - 6_000, 0, 0)

    def test_a_hold_that_nothing_is_due_for_any_more_is_let_go(self, boss: User) -> None:
        hold = moving.paid(boss)
        moving.credit(hold, hold.amount, boss)
        assert db.session.get_one(PaymentOrder, hold.payment_order_id).status is PaymentOrderStatus.CANCELLED
        end_read()
        with time_machine.travel(clock.now() + timedelta(seconds=40), tick=True):
            movement_calls.sweep()
        assert moving.actions(hold) == ["authorize", "void"]

    def test_nothing_is_credited_of_what_is_being_captured(self, boss: User) -> None:
        hold = moving.paid(boss)
        script.next_call(Call.CAPTURE, fault=Fault.TIMEOUT_AFTER)
        movements.capture(hold.id, amount=Money(hold.amount, "EUR"), form_key="c", by=boss)
        with pytest.raises(Refusal) as refused:
            moving.credit(hold, 6_000, boss)
        assert refused.value.code == "payment_in_progress"
        with time_machine.travel(clock.now() + timedelta(seconds=40), tick=True):
            movement_calls.sweep()

    def test_what_was_paid_in_another_way_while_a_part_was_captured_is_not_asked_for(self, boss: User) -> None:
        hold = moving.paid(boss)
        order_id = db.session.get_one(PaymentOrder, hold.payment_order_id).order_id
        script.next_call(Call.CAPTURE, fault=Fault.TIMEOUT_AFTER)
        movements.capture(hold.id, amount=Money(30_000, "EUR"), form_key="c", by=boss)
        with transaction():
            invoice = invoices.on_terms(lock(SalesOrder, order_id), by=SYSTEM)
        assert invoice is not None
        offline.for_invoice(invoice.id, ledgers.came(invoice.gross), form_key="w", by=boss)
        with time_machine.travel(clock.now() + timedelta(seconds=40), tick=True):
            movement_calls.sweep()
            jobs.run_due(raising=True)
        figures = moving.figures(hold)
        assert (figures.captured, figures.held, figures.balance) == (30_000, 0, 0)

    def test_nothing_is_captured_after_a_void_nor_voided_after_a_capture(self, boss: User) -> None:
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

    def test_a_lost_capture_is_asked_about_and_blocks_the_void(self, boss: User) -> None:
        hold = moving.paid(boss)
        script.next_call(Call.CAPTURE, fault=Fault.TIMEOUT_AFTER)
        row = movements.capture(hold.id, amount=Money(hold.amount, "EUR"), form_key="c", by=boss)
        assert row.status is S.UNKNOWN
        with pytest.raises(Refusal):
            movements.void(hold.id, because="Impatient", form_key="v", by=boss)
        with time_machine.travel(clock.now() + timedelta(seconds=40), tick=True):
            movement_calls.sweep()
        assert moving.actions(hold) == ["authorize", "capture"]

    def test_a_hold_is_warned_of_once_and_let_go_when_it_lapses(self, boss: User) -> None:
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

    def test_an_order_that_starts_after_the_hold_is_not_authorized(self, boss: User) -> None:
        order = factories.order(owner=boss, start_date=clock.today("UTC") + timedelta(days=30))
        with pytest.raises(Refusal) as refused:
            collection.collect_first(order.id, pay_with=moving.card(), form_key="k", by=boss)
        assert refused.value.code == "hold_too_short"

    def order_with_a_line_from(self, days: int) -> SalesOrder:
        order = factories.order(start_date=clock.today("UTC"))
        with transaction() as session:
            session.get_one(SalesOrder, order.id).lines[-1].activation_date = clock.today("UTC") + timedelta(days=days)
        return order

    def test_nor_is_one_a_line_of_which_starts_after_it(self, boss: User) -> None:
        soon, late = (self.order_with_a_line_from(days) for days in (3, 60))
        with pytest.raises(Refusal) as refused:
            collection.collect_first(late.id, pay_with=moving.card(), form_key="late", by=boss)
        assert refused.value.code == "hold_too_short"
        assert (clock.today("UTC") + timedelta(days=60)).isoformat() in refused.value.sentence
        held = collection.collect_first(soon.id, pay_with=moving.card(), form_key="soon", by=boss)
        assert held.status == "succeeded"

    def test_cancelling_the_order_lets_the_hold_go(self, boss: User) -> None:
        from app import jobs

        hold = moving.paid(boss, start_date=clock.today("UTC") + timedelta(days=3))
        order_id = db.session.scalars(select(PaymentOrder.order_id)).one()
        end_read()
        orders.cancel(order_id, because="Changed their mind", by=boss)
        with time_machine.travel(clock.now() + timedelta(seconds=5), tick=True):
            jobs.run_due()
        assert moving.actions(hold) == ["authorize", "void"]
