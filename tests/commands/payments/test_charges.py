"""The charge protocol against a gateway that misbehaves on demand."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from flask import Flask, current_app
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

from app import clock
from app.access import Role
from app.commands.orders import approvals, order_edits, orders
from app.commands.orders.order_edits import TermsEdit
from app.commands.payments import charges, collection, inquiries, outcomes, payment_orders, post_processing
from app.commands.payments.charges import Instrument
from app.db import db, transaction
from app.errors import Refusal
from app.gateways.base import ChargeResult, Outcome
from app.models import (
    Account,
    Allocation,
    Attempt,
    Escalation,
    Frequency,
    History,
    Invoice,
    OrderEmail,
    PaymentIntent,
    PaymentMethod,
    PaymentOrder,
    PostProcessing,
    Receipt,
    Renewal,
    SalesOrder,
    Subscription,
    Symptom,
    Transaction,
    User,
)
from app.queries.orders import decline
from app.queries.orders.facts import load
from app.queries.public import checkout
from app.states.attempt import AttemptStatus
from app.states.intent import IntentStatus
from app.states.invoice import InvoiceStatus
from app.states.order import OrderStatus
from tests import factories
from tests.gateways.scripted import VISA, ScriptedGateway

CARD = Instrument(alias="card-ok", label="Visa ending 4242")
TERMS = TermsEdit(None, 12, Frequency.MONTHLY, Renewal.NONE, 30, ())


@pytest.fixture
def seller(app: Flask) -> User:
    return factories.user(Role.SALES_MANAGER)


def collect(order: SalesOrder, by: User, *, key: str = "k1", pay_with: Instrument = CARD) -> Attempt:
    first = collection.prepare_first(order.id, by=by)
    return collection.collect(first.id, pay_with=pay_with, form_key=key, by=by)


def count(model: type) -> int:
    return db.session.scalar(select(func.count()).select_from(model)) or 0


def reload_order(order: SalesOrder) -> SalesOrder:
    db.session.expire_all()
    return db.session.get_one(SalesOrder, order.id)


def test_a_paid_first_payment_ends_in_everything_the_mission_owes(gateway: ScriptedGateway, seller: User) -> None:
    order = factories.order(owner=seller)
    attempt = collect(order, seller, pay_with=Instrument(alias="card-ok", save=True, consent_text="You may."))
    assert attempt.status is AttemptStatus.SUCCEEDED
    order = reload_order(order)
    assert order.status is OrderStatus.ACTIVATED
    assert all(line.activated_on for line in order.lines)
    assert count(Transaction) == count(Receipt) == count(Allocation) == count(Subscription) == 1
    invoice = db.session.scalars(select(Invoice)).one()
    assert (invoice.status, invoice.gross, invoice.number) == (InvoiceStatus.PAID, 41055, "INV-00001")
    account = db.session.get_one(Account, order.account_id)
    assert account.default_method_id == db.session.scalars(select(PaymentMethod)).one().id
    assert db.session.scalars(select(PostProcessing)).one().done_at is not None
    assert set(db.session.scalars(select(OrderEmail.kind))) == {"receipt", "order_paid", "agreement"}


def test_an_order_that_starts_later_is_scheduled_and_its_lines_wait(gateway: ScriptedGateway, seller: User) -> None:
    start = clock.today(factories.ZONE) + timedelta(days=10)
    order = factories.order(owner=seller, start_date=start)
    collect(order, seller)
    order = reload_order(order)
    assert order.status is OrderStatus.SCHEDULED
    assert not any(line.activated_on for line in order.lines)
    from app.commands.orders import activation

    with time_machine.travel(clock.now() + timedelta(days=11)):
        assert activation.start_due() == 1
    order = reload_order(order)
    assert order.status is OrderStatus.ACTIVATED
    assert {line.activated_on for line in order.lines} == {start}


def test_a_deposit_gets_an_invoice_of_its_part_with_its_tax(gateway: ScriptedGateway, seller: User) -> None:
    order = factories.order(owner=seller, deposit_percent="10")
    collect(order, seller)
    invoice = db.session.scalars(select(Invoice)).one()
    assert invoice.kind == "deposit"
    assert invoice.gross == 4106
    assert invoice.net + invoice.tax == 4106
    assert invoice.status is InvoiceStatus.PAID


def test_a_decline_tags_the_order_and_the_next_card_pays(gateway: ScriptedGateway, seller: User) -> None:
    gateway.answers = ["insufficient_funds", "ok"]
    order = factories.order(owner=seller)
    attempt = collect(order, seller)
    assert attempt.status is AttemptStatus.DECLINED
    order = reload_order(order)
    assert (order.status, order.tags) == (OrderStatus.DECLINED, ["Payment declined"])
    assert collect(order, seller, key="k2").status is AttemptStatus.SUCCEEDED
    order = reload_order(order)
    assert (order.status, order.tags) == (OrderStatus.ACTIVATED, [])
    assert count(Receipt) == 1


def test_the_processors_advice_outranks_the_table_wherever_a_decline_is_told(
    gateway: ScriptedGateway, seller: User
) -> None:
    gateway.answers = ["insufficient_funds/do_not_try_again"]
    order = factories.order(owner=seller)
    attempt = collect(order, seller)
    assert (attempt.decline_code, attempt.advice, attempt.decline_class) == (
        "insufficient_funds",
        "do_not_try_again",
        "stop",
    )
    words = "Not enough funds. Do not charge this card again."
    assert words in db.session.scalars(select(OrderEmail)).one().text
    assert words in db.session.scalars(select(History.because).where(History.event == "payment_declined")).all()
    seen = checkout.of_payment_order(attempt.payment_order_id)
    assert seen and seen.decline and seen.decline.advice == "Use another card, or ask your bank."
    with current_app.test_request_context():
        facts = load(order.number, seller)
        told = decline.last(facts)
    assert told and told.advice == "Do not charge this card again."
    assert not decline.retry_helps(facts)


def test_the_same_form_twice_is_one_charge(gateway: ScriptedGateway, seller: User) -> None:
    order = factories.order(owner=seller)
    first = collect(order, seller)
    payment_order = db.session.scalars(select(PaymentOrder)).one()
    again = collection.collect(payment_order.id, pay_with=CARD, form_key="k1", by=seller)
    assert again.id == first.id
    assert len(gateway.booked) == count(Transaction) == count(Receipt) == 1


def test_the_same_form_with_another_card_is_refused(gateway: ScriptedGateway, seller: User) -> None:
    gateway.answers = ["lost before"]
    order = factories.order(owner=seller)
    collect(order, seller)
    with pytest.raises(Refusal, match="key_reused"):
        collect(order, seller, pay_with=Instrument(alias="another"))


def test_a_lost_answer_is_confirming_until_asked_and_never_a_second_charge(
    gateway: ScriptedGateway, seller: User
) -> None:
    gateway.answers = ["ok but lost"]
    order = factories.order(owner=seller)
    attempt = collect(order, seller)
    assert attempt.status is AttemptStatus.UNKNOWN
    with pytest.raises(Refusal, match="payment_in_progress"):
        collect(order, seller, key="k2")
    assert inquiries.sweep() == 0
    with time_machine.travel(clock.now() + timedelta(seconds=31)):
        assert inquiries.sweep() == 1
    assert reload_order(order).status is OrderStatus.ACTIVATED
    assert len(gateway.booked) == count(Transaction) == count(Receipt) == 1


def test_a_database_that_fails_at_the_outcome_leaves_an_attempt_that_is_asked_about(
    gateway: ScriptedGateway, seller: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = factories.order(owner=seller)

    def locked(*args: object) -> None:
        raise OperationalError("INSERT", {}, Exception("database is locked"))

    with monkeypatch.context() as patch:
        patch.setattr(outcomes, "_captured", locked)
        with pytest.raises(OperationalError):
            collect(order, seller)
    assert db.session.scalars(select(Attempt.status)).one() is AttemptStatus.STARTED
    assert count(Transaction) == 0
    db.session.rollback()
    with time_machine.travel(clock.now() + timedelta(seconds=31)):
        assert inquiries.sweep() == 1
    assert reload_order(order).status is OrderStatus.ACTIVATED
    assert len(gateway.calls) == count(Transaction) == count(Receipt) == 1


def test_a_request_that_never_arrived_is_sent_again_with_its_own_key(gateway: ScriptedGateway, seller: User) -> None:
    gateway.answers = ["lost before", "ok"]
    order = factories.order(owner=seller)
    attempt = collect(order, seller)
    assert charges.ask(attempt.id).status is AttemptStatus.SUCCEEDED
    assert gateway.calls[0] == gateway.calls[1]
    assert count(Receipt) == 1


def test_after_ten_minutes_a_request_that_never_arrived_is_given_up(gateway: ScriptedGateway, seller: User) -> None:
    gateway.answers = ["lost before"]
    order = factories.order(owner=seller)
    attempt = collect(order, seller)
    with time_machine.travel(clock.now() + timedelta(minutes=11)):
        assert charges.ask(attempt.id).status is AttemptStatus.FAILED
    assert len(gateway.calls) == 1
    assert reload_order(order).status is OrderStatus.DRAFT


def test_questions_are_asked_at_growing_distances(gateway: ScriptedGateway, seller: User) -> None:
    gateway.answers = ["ok but lost"]
    attempt = collect(factories.order(owner=seller), seller)
    gateway.look_up = lambda key, provider_id: gateway_unknown()  # type: ignore[method-assign, assignment]
    from app.gateways.base import ChargeResult, Outcome

    def gateway_unknown() -> ChargeResult:
        return ChargeResult(Outcome.UNKNOWN, None, None, message="still down")

    waits = []
    for _ in range(4):
        attempt = charges.ask(attempt.id)
        assert attempt.ask_at is not None
        waits.append(round((attempt.ask_at - clock.now()).total_seconds() / 60))
    assert waits == [5, 60, 1440, 1440]
    assert attempt.status is AttemptStatus.UNKNOWN


def test_an_answer_about_another_amount_is_quarantined(gateway: ScriptedGateway, seller: User) -> None:
    gateway.answers = ["wrong amount"]
    order = factories.order(owner=seller)
    attempt = collect(order, seller)
    assert attempt.status is AttemptStatus.UNKNOWN
    assert count(Transaction) == 0
    assert reload_order(order).status is OrderStatus.DRAFT


def test_an_answer_by_the_id_of_another_payment_is_quarantined(gateway: ScriptedGateway, seller: User) -> None:
    """Invariants 7, 12 and 15: one charge pays one thing, and what is not ours is neither paid nor failed."""
    paid = collect(factories.order(owner=seller), seller)
    reused = ChargeResult(Outcome.SUCCEEDED, paid.provider_id, paid.money, card=VISA)
    gateway.result = lambda answer, request: reused  # type: ignore[method-assign]
    order = factories.order(owner=seller)
    attempt = collect(order, seller, key="k2")
    assert (attempt.status, attempt.provider_id, count(Transaction), count(Receipt)) == (
        AttemptStatus.UNKNOWN,
        None,
        1,
        1,
    )
    assert "another payment already" in (attempt.error or "") and attempt.ask_at is not None
    assert reload_order(order).status is OrderStatus.DRAFT and attempt.intent.status is IntentStatus.LIVE
    assert db.session.scalars(select(Escalation.symptom)).one() is Symptom.QUARANTINED
    for _ in range(2):
        assert charges.ask(attempt.id).status is AttemptStatus.UNKNOWN
    with pytest.raises(Refusal, match="payment_in_progress"):
        collect(order, seller, key="k3")


def test_a_challenge_left_behind_is_cancelled_before_another_try(gateway: ScriptedGateway, seller: User) -> None:
    gateway.answers = ["challenge", "ok"]
    order = factories.order(owner=seller)
    left = collect(order, seller)
    assert left.status is AttemptStatus.REQUIRES_ACTION
    assert collect(order, seller, key="k2").status is AttemptStatus.SUCCEEDED
    db.session.expire_all()
    assert db.session.get_one(Attempt, left.id).status is AttemptStatus.FAILED
    assert gateway.cancelled == ["ch-1"]


def test_a_challenge_whose_time_ran_out_while_the_gateway_was_away_is_cancelled(
    gateway: ScriptedGateway, seller: User
) -> None:
    gateway.answers = ["challenge but lost"]
    left = collect(factories.order(owner=seller), seller)
    assert left.status is AttemptStatus.UNKNOWN
    with time_machine.travel(clock.now() + outcomes.ACTION_EXPIRES - timedelta(minutes=1)):
        assert charges.ask(left.id).status is AttemptStatus.REQUIRES_ACTION
    assert gateway.cancelled == []
    lost = collect(factories.order(owner=seller), seller, key="k2")
    with time_machine.travel(clock.now() + outcomes.ACTION_EXPIRES):
        assert charges.ask(lost.id).status is AttemptStatus.FAILED
    assert gateway.cancelled == [lost.provider_id]


def test_the_attempt_limit_ends_the_checkout(gateway: ScriptedGateway, seller: User) -> None:
    gateway.answers = ["generic_decline"]
    order = factories.order(owner=seller)
    for n in range(5):
        collect(order, seller, key=f"k{n}")
    with pytest.raises(Refusal, match="attempts_used_up"):
        collect(order, seller, key="k9")


def test_a_saved_card_is_charged_with_its_own_token_and_a_foreign_one_never(
    gateway: ScriptedGateway, seller: User
) -> None:
    order = factories.order(owner=seller)
    collect(order, seller, pay_with=Instrument(alias="a", save=True, consent_text="You may."))
    method = db.session.scalars(select(PaymentMethod)).one()
    customer = db.session.get_one(Account, order.account_id)
    second = factories.order(owner=seller, customer=customer)
    assert collect(second, seller, key="k2", pay_with=Instrument(method_id=method.id)).status == "succeeded"
    assert (gateway.calls[-1].token, gateway.calls[-1].off_session) == ("tok-ch-1", True)
    foreign = factories.order(owner=seller)
    with pytest.raises(Refusal, match="method_not_usable"):
        collect(foreign, seller, key="k3", pay_with=Instrument(method_id=method.id))


def test_an_edit_during_the_call_leaves_the_money_unapplied_and_visible(gateway: ScriptedGateway, seller: User) -> None:
    order = factories.order(owner=seller)

    def edit() -> None:
        from app.db import transaction

        with transaction() as session:  # an edit that went round the command's refusal
            session.get_one(SalesOrder, order.id).edition += 1

    gateway.during_call = edit
    collect(order, seller)
    order = reload_order(order)
    assert (order.status, order.tags) == (OrderStatus.DRAFT, ["Unapplied cash"])
    assert (count(Receipt), count(Allocation), count(Invoice)) == (1, 0, 0)


def test_a_step_that_fails_is_named_and_the_job_finishes_it(
    gateway: ScriptedGateway, seller: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = factories.order(owner=seller)

    def broken(*args: object, **kwargs: object) -> None:
        raise ZeroDivisionError("no tax rate")

    with monkeypatch.context() as patch:
        patch.setattr(post_processing.activation, "activate_or_schedule", broken)
        collect(order, seller)
    row = db.session.scalars(select(PostProcessing)).one()
    assert (row.step, row.tries, row.done_at) == ("order", 1, None)
    assert (count(Receipt), count(Allocation)) == (1, 1)
    assert reload_order(order).status is OrderStatus.DRAFT
    assert post_processing.run(row.transaction_id)
    assert reload_order(order).status is OrderStatus.ACTIVATED
    assert post_processing.run(row.transaction_id)
    assert (count(Receipt), count(Allocation), count(Invoice), count(Subscription)) == (1, 1, 1, 1)


def test_an_intent_is_paid_once_and_then_says_so(gateway: ScriptedGateway, seller: User) -> None:
    order = factories.order(owner=seller)
    collect(order, seller)
    intent = db.session.scalars(select(PaymentIntent)).one()
    assert intent.status is IntentStatus.PAID
    with pytest.raises(Refusal, match="paid"):
        charges.start(intent.id, pay_with=CARD, form_key="k9", by=factories_actor(seller))


def factories_actor(user: User) -> object:
    from app.models import Actor

    return Actor.of(user)


def test_an_old_form_sent_again_never_charges_once_the_gateway_may_have_forgotten_its_key(
    gateway: ScriptedGateway, seller: User
) -> None:
    gateway.answers = ["lost before"]
    order = factories.order(owner=seller)
    collect(order, seller)
    with time_machine.travel(clock.now() + timedelta(hours=25)):
        assert collect(order, seller).status is AttemptStatus.UNKNOWN
    assert len(gateway.calls) == 1


def test_a_success_that_comes_to_light_after_its_payment_was_withdrawn_books_nothing(
    gateway: ScriptedGateway, seller: User
) -> None:
    gateway.answers = ["lost before"]
    order = factories.order(owner=seller)
    attempt = collect(order, seller)
    with time_machine.travel(clock.now() + timedelta(minutes=11)):
        assert charges.ask(attempt.id).status is AttemptStatus.FAILED
    payment_orders.cancel(attempt.payment_order_id, because="The customer pays by wire", by=seller)
    late = ChargeResult(Outcome.SUCCEEDED, "ch-late", attempt.money, card=VISA, raw_sha256="0" * 64)
    written, transaction_id = outcomes.write(attempt.id, late)
    assert written.status is AttemptStatus.SUCCEEDED and transaction_id is not None
    assert post_processing.run(transaction_id)
    order = reload_order(order)
    assert (order.status, order.tags) == (OrderStatus.DRAFT, ["Unapplied cash"])
    assert (count(Receipt), count(Allocation)) == (1, 0)


def test_one_attempt_that_cannot_be_asked_about_does_not_keep_the_others_waiting(
    gateway: ScriptedGateway, seller: User
) -> None:
    gateway.answers = ["ok but lost"]
    stuck, other = (
        collect(factories.order(owner=seller), seller),
        collect(factories.order(owner=seller), seller, key="k2"),
    )
    look_up = gateway.look_up

    def broken(key: str, provider_id: str | None) -> ChargeResult | None:
        if key == stuck.idempotency_key:
            raise ZeroDivisionError("an answer nobody understands")
        return look_up(key, provider_id)

    gateway.look_up = broken  # type: ignore[method-assign]
    with time_machine.travel(clock.now() + timedelta(seconds=31)):
        assert inquiries.sweep() == 2
        assert inquiries.sweep() == 0
    db.session.expire_all()
    assert db.session.get_one(Attempt, other.id).status is AttemptStatus.SUCCEEDED
    assert db.session.get_one(Attempt, stuck.id).status is AttemptStatus.UNKNOWN


def test_a_decline_is_written_down_whomever_the_notice_of_it_cannot_reach(
    gateway: ScriptedGateway, seller: User
) -> None:
    gateway.answers = ["insufficient_funds"]
    order = factories.order(owner=factories.user(Role.SALES_MANAGER, email="boss@intranet"))
    assert collect(order, seller).status is AttemptStatus.DECLINED
    assert reload_order(order).status is OrderStatus.DECLINED
    assert count(OrderEmail) == 0


def test_a_card_saved_again_with_its_new_date_can_be_charged(gateway: ScriptedGateway, seller: User) -> None:
    customer = factories.account()
    saved = Instrument(alias="a", save=True, consent_text="You may.")
    collect(factories.order(owner=seller, customer=customer), seller, pay_with=saved)
    method = db.session.scalars(select(PaymentMethod)).one()
    with transaction() as session:
        row = session.get_one(PaymentMethod, method.id)
        row.exp_month, row.exp_year, row.hard_declined_at = 1, 2020, clock.now()
    collect(factories.order(owner=seller, customer=customer), seller, key="k2", pay_with=saved)
    db.session.expire_all()
    method = db.session.scalars(select(PaymentMethod)).one()
    assert (method.exp_month, method.exp_year, method.hard_declined_at) == (12, 2031, None)
    third = factories.order(owner=seller, customer=customer)
    assert collect(third, seller, key="k3", pay_with=Instrument(method_id=method.id)).status == "succeeded"


def test_terms_do_not_change_under_money_that_is_still_to_book_the_order(
    gateway: ScriptedGateway, seller: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = factories.order(owner=seller)
    with monkeypatch.context() as patch:
        patch.setattr(post_processing, "run", lambda transaction_id: False)
        collect(order, seller)
    with pytest.raises(Refusal, match="payment_in_progress"):
        order_edits.edit_terms(order.id, TERMS, edition=order.edition, by=seller)
    assert post_processing.run(db.session.scalars(select(Transaction.id)).one())
    order = reload_order(order)
    assert (order.status, order.tags) == (OrderStatus.ACTIVATED, [])


def test_an_approval_that_runs_out_beside_money_waits_for_it_to_book_the_order(
    gateway: ScriptedGateway, seller: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = factories.order(owner=seller)
    approvals.submit(order.id, by=seller)
    with monkeypatch.context() as patch:
        patch.setattr(post_processing, "run", lambda transaction_id: False)
        collect(order, seller)
    with time_machine.travel(clock.now() + timedelta(days=40)):
        assert orders.expire_approvals() == 0
    assert reload_order(order).status is OrderStatus.AWAITING_APPROVAL
