"""Terminating an active order: what is credited, what ends, what stays, and that it happens once and as it was seen."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select, update

from app.access import Role
from app.commands.agreements import charging, ending
from app.commands.orders import terminating, termination
from app.commands.payments import collection, payment_links
from app.commands.payments.charges import Instrument
from app.commands.receivables import credit_notes
from app.db import db, end_read, transaction
from app.errors import Refusal
from app.models import (
    Actor,
    Audit,
    CollectionMethod,
    CreditNote,
    Frequency,
    History,
    Invoice,
    OrderEmail,
    OrderLine,
    PaymentAgreement,
    PaymentIntent,
    PostProcessing,
    Receipt,
    Routing,
    SalesOrder,
    Subscription,
    User,
)
from app.queries.receivables import figures
from app.states.intent import IntentStatus
from app.states.order import OrderStatus
from app.states.payment_order import PaymentOrderStatus
from app.states.subscription import SubscriptionStatus
from tests import factories, moves, plans
from tests.commands import collecting
from tests.gateways.scripted import ScriptedGateway

START = "2027-02-01 10:00:00+00:00"


@pytest.fixture
def manager(gateway: ScriptedGateway) -> User:
    return factories.user(Role.SALES_MANAGER)


def paid_order(manager: User, **facts: Any) -> SalesOrder:
    """Goods of 100.00 and ten licences a month of 245.00, each with 19 %, all paid at signature: 410.55 EUR."""
    with time_machine.travel(START, tick=True):
        customer = factories.account()
        card = Instrument(method_id=moves.card(customer).id)
        return collecting.booked(manager, deposit="100", pay_with=card, customer=customer, **facts)


def terminate(order: SalesOrder, by: User, *, key: str = "end", **delivered: str) -> SalesOrder:
    """`goods="2"`: so many of the first line were delivered."""
    said = {order.lines[0].id: Decimal(delivered["goods"])} if delivered else {}
    seen = termination.foresee(order.id, said).seal
    end_read()
    return terminating.terminate(order.id, delivered=said, seen=seen, because="They closed", form_key=key, by=by)


def refusal(order: SalesOrder, by: User, **facts: Any) -> str:
    with pytest.raises(Refusal) as found:
        terminate(order, by, **facts)
    db.session.rollback()
    return found.value.code


def notes() -> list[int]:
    return list(db.session.scalars(select(CreditNote.gross).order_by(CreditNote.id)))


def test_what_was_not_delivered_is_credited_and_its_money_is_unapplied(manager: User) -> None:
    order = paid_order(manager)
    with time_machine.travel("2027-02-14 12:00:00+00:00", tick=True):
        plan = termination.foresee(order.id, {})
        terminate(order, manager)
    order = collecting.fresh(order)
    # Goods 119.00 undelivered; of February 14 days of 28 are supplied, so half of 291.55 is credited.
    assert plan.credited.minor == 11_900 + 14_578 and notes() == [plan.credited.minor]
    receipt, invoice = db.session.scalars(select(Receipt)).one(), db.session.scalars(select(Invoice)).one()
    assert figures.unapplied(receipt.id) == plan.freed.minor == plan.credited.minor
    assert figures.of_invoice(invoice.id).due == 0
    assert order.status is OrderStatus.CANCELLED
    subscription = db.session.scalars(select(Subscription)).one()
    assert subscription.status is SubscriptionStatus.ENDED and str(subscription.ends_on) == "2027-02-14"
    assert plans.of_order(order.id).status == "cancelled"
    kinds = [x.kind for x in db.session.scalars(select(OrderEmail))]
    assert kinds.count("credit_note") == 1 and kinds.count("agreement") == 2
    row = db.session.scalars(select(History).where(History.event == "terminate")).one()
    assert (row.because, row.user_id) == ("They closed", manager.id)
    assert db.session.scalars(select(Audit).where(Audit.action == "order.terminate")).one().subject == order.number
    assert plans.broken() == []


CREDITED = (
    ("2027-02-01", "1", 28_114),  # 27 of 28 days of the licences
    ("2027-02-28", "1", 0),
    ("2027-02-28", "0.25", 8_925),  # three quarters of the goods
    ("2027-03-20", "1", 0),  # the first period is over, and no other was charged
)


def test_the_table_of_what_is_credited(manager: User) -> None:
    order = paid_order(manager)
    goods = order.lines[0].id
    for day, delivered, credited in CREDITED:
        with time_machine.travel(f"{day} 12:00:00+00:00", tick=True):
            assert termination.foresee(order.id, {goods: Decimal(delivered)}).credited.minor == credited, day


def test_a_later_period_is_credited_by_its_days_and_an_unpaid_one_asks_for_less(manager: User) -> None:
    order = paid_order(manager)
    row = plans.of_order(order.id)
    with time_machine.travel("2027-03-01 12:00:00+00:00", tick=True):
        charging.batch(50)
        assert plans.states(row, 1) == ["paid"]
    with time_machine.travel("2027-03-10 12:00:00+00:00", tick=True):
        plan = termination.foresee(order.id, {order.lines[0].id: order.lines[0].quantity})
        assert [x.days.supplied for x in plan.credits if x.days] == [10]
        terminate(order, manager, goods=f"{order.lines[0].quantity.normalize():f}")
    assert notes() == [plan.credited.minor] and plan.credited.minor == pytest.approx(29_155 * 21 / 31, abs=1)
    assert plans.broken() == []


def test_what_a_period_asks_for_is_told(manager: User) -> None:
    order = paid_order(manager)
    with transaction() as session:
        session.get_one(PaymentAgreement, plans.of_order(order.id).id).collection = CollectionMethod.PAYMENT_LINK
    with time_machine.travel("2027-03-01 12:00:00+00:00", tick=True):
        charging.batch(50)
        (asked,) = termination.foresee(order.id, {}).asked
    assert (asked.balance.minor, asked.live, asked.ends) == (29_155, True, True)


def test_deposits_are_credited_newest_first_down_to_what_was_delivered(manager: User) -> None:
    with time_machine.travel(START, tick=True):
        order = collecting.booked(manager, deposit="10")
        asked = collecting.request(order, manager)
        payment_links.send(asked.id, form_key="link", by=manager)
        plan = termination.foresee(order.id, {})
        # 41.06 are paid; one day of the licences, 10.41, was delivered.
        assert plan.credited.minor == pytest.approx(4_106 - 1_041, abs=1) and not plan.not_invoiced
        terminate(order, manager)
    asked = collecting.fresh(asked)
    assert asked.status is PaymentOrderStatus.CANCELLED
    live = select(PaymentIntent).where(PaymentIntent.status == IntentStatus.LIVE)
    assert db.session.scalars(live).all() == [] and plans.broken() == []


@pytest.mark.parametrize("delivered", ["0", "0.500", "1"])
def test_a_final_invoice_is_credited_as_far_as_it_bills_and_its_deposit_for_the_rest(
    manager: User, delivered: str
) -> None:
    with time_machine.travel(START, tick=True):
        customer = factories.account()
        card = Instrument(method_id=moves.card(customer).id)
        order = collecting.booked(manager, deposit="40", pay_with=card, customer=customer)
        goods = order.lines[0]
        asked = collecting.request(order, manager, minor=41_055 - 16_422)
        collection.collect(asked.id, pay_with=card, form_key="rest", by=manager)
        part = goods.quantity * Decimal(delivered)
        plan = termination.foresee(order.id, {goods.id: part})
        # One day of the licences, 10.41, was delivered, and so much of the goods.
        stays = round(11_900 * Decimal(delivered)) + 1_041
        assert plan.credited.minor == pytest.approx(41_055 - stays, abs=2) and not plan.not_invoiced
        by_invoice = [x.gross.minor for x in plan.credits]
        assert by_invoice[0] == pytest.approx(min(24_633, 41_055 - stays), abs=2)
        terminate(order, manager, goods=f"{part.normalize():f}")
    assert plans.broken() == []


def test_what_was_delivered_and_never_invoiced_is_said(manager: User) -> None:
    with time_machine.travel(START, tick=True):
        order = collecting.booked(manager, deposit="10")
        plan = termination.foresee(order.id, {order.lines[0].id: order.lines[0].quantity})
    assert plan.credits == () and plan.not_invoiced.minor == pytest.approx(11_900 + 1_041 - 4_106, abs=2)


def test_a_service_counts_as_delivered_once_it_is_active_and_people_know_better(manager: User) -> None:
    service = factories.line(1, routing=Routing.SERVICE)
    order = paid_order(manager, lines=[service])
    line = order.lines[0]
    assert termination.foresee(order.id, {}).credits == ()
    assert termination.foresee(order.id, {line.id: Decimal(0)}).credited.minor == 11_900
    with transaction():
        db.session.get_one(OrderLine, line.id).activated_on = None
    assert termination.foresee(order.id, {}).credited.minor == 11_900


def test_quantities_that_cannot_be_are_refused(manager: User) -> None:
    order = paid_order(manager, lines=[factories.line(1, quantity=Decimal(4))])
    with transaction():
        line = db.session.get_one(OrderLine, order.lines[0].id)
        line.packed = line.shipped = line.fulfilled = Decimal(2)
    for said, code in (("-1", "more_than_ordered"), ("99", "more_than_ordered"), ("1", "less_than_recorded")):
        assert refusal(order, manager, goods=said) == code


def test_what_was_credited_before_is_not_credited_again(manager: User) -> None:
    order = paid_order(manager)
    billing = factories.user(Role.BILLING)
    invoice = db.session.scalars(select(Invoice)).one()
    goods = next(x for x in invoice.lines if x.order_line_id == order.lines[0].id)
    credit_notes.issue(
        invoice.id,
        amounts={goods.id: goods.amount},
        reason=credit_notes.CreditReason.RETURN,
        note="",
        form_key="back",
        by=billing,
    )
    with time_machine.travel("2027-02-28 12:00:00+00:00", tick=True):
        assert termination.foresee(order.id, {}).credits == ()


def test_it_is_done_once_and_only_as_it_was_seen(manager: User) -> None:
    order = paid_order(manager)
    with time_machine.travel("2027-02-14 12:00:00+00:00", tick=True):
        seen = termination.foresee(order.id, {}).seal
    with time_machine.travel("2027-02-15 12:00:00+00:00", tick=True):
        with pytest.raises(Refusal) as found:
            terminating.terminate(order.id, delivered={}, seen=seen, because="Yesterday's", form_key="late", by=manager)
        assert found.value.code == "changed" and notes() == []
        end_read()
        for _ in range(2):
            fresh_seal = termination.foresee(order.id, {}).seal
            end_read()
            terminating.terminate(order.id, delivered={}, seen=fresh_seal, because="Gone", form_key="twice", by=manager)
        assert len(notes()) == 1
        assert refusal(order, manager, key="another") == "not_active"


def test_nobody_terminates_under_a_payment(manager: User, gateway: ScriptedGateway) -> None:
    order = paid_order(manager)
    row = plans.of_order(order.id)
    gateway.answers = ["lost before"]
    with time_machine.travel("2027-03-01 12:00:00+00:00", tick=True):
        charging.batch(50)
        assert plans.attempts(row)[0].status == "unknown"
        assert refusal(order, manager) == "payment_in_progress"
    gateway.answers = ["ok"]


def test_nobody_terminates_before_captured_money_has_come_to_its_invoice(manager: User) -> None:
    order = paid_order(manager)
    with transaction() as session:
        session.execute(update(PostProcessing).values(done_at=None))
    assert refusal(order, manager) == "payment_in_progress"


def test_periods_that_are_due_and_not_invoiced_are_said(manager: User) -> None:
    order = paid_order(manager)
    with time_machine.travel("2027-05-20 12:00:00+00:00", tick=True):
        assert termination.foresee(order.id, {}).dropped.minor == 3 * 29_155


def test_what_an_agreement_ended_before_is_counted_to_that_day(manager: User) -> None:
    order = paid_order(manager)
    with time_machine.travel("2027-02-07 12:00:00+00:00", tick=True):
        plan = plans.of_order(order.id)
        ending.cancel(plan.id, at_period_end=False, because="Moves", by=manager)
    with time_machine.travel("2027-02-24 12:00:00+00:00", tick=True):
        assert termination.foresee(order.id, {}).credited.minor == 11_900 + 21_866  # 21 of 28 days
        terminate(order, manager)
    assert str(db.session.scalars(select(Subscription)).one().ends_on) == "2027-02-07"


def test_what_was_billed_and_credited_is_in_no_invoice(manager: User) -> None:
    order = paid_order(manager, lines=[factories.line(1, routing=Routing.SERVICE)])
    with transaction():
        credit_notes.cancel(db.session.scalars(select(Invoice)).one(), note="Wrong name", by=Actor.of(manager))
    assert termination.foresee(order.id, {}).not_invoiced.minor == 11_900


def test_prices_with_tax_in_them_leave_no_cent_over(manager: User) -> None:
    lines = [
        factories.line(n, routing=Routing.SERVICE, unit_price=price) for n, price in ((1, "104.73"), (2, "209.46"))
    ]
    order = paid_order(manager, lines=lines, prices_include_tax=True)
    plan = termination.foresee(order.id, {})
    assert (plan.credits, plan.not_invoiced.minor) == ((), 0)


def test_a_service_that_became_active_meanwhile_is_another_sight(manager: User) -> None:
    order = paid_order(manager, lines=[factories.line(1, routing=Routing.SERVICE)])
    said = {order.lines[0].id: Decimal(0)}
    before = termination.foresee(order.id, said).seal
    with transaction():
        db.session.get_one(OrderLine, order.lines[0].id).activated_on = None
    assert termination.foresee(order.id, said).seal != before


def test_it_moves_money_so_not_everybody_may(manager: User) -> None:
    order = paid_order(manager)
    for role in (Role.SALESPERSON, Role.ORDER_MANAGEMENT, Role.PAYMENT_OPERATIONS):
        assert refusal(order, factories.user(role)) == "not_permitted"


def test_a_draft_is_cancelled_not_terminated(app: Flask) -> None:
    by = factories.user(Role.SALES_MANAGER)
    assert refusal(factories.order(owner=by), by) == "not_active"


def test_two_frequencies_end_together(manager: User) -> None:
    lines = [factories.licence(1), factories.licence(2, frequency=Frequency.YEARLY)]
    order = paid_order(manager, lines=lines)
    with time_machine.travel("2027-02-14 12:00:00+00:00", tick=True):
        plan = termination.foresee(order.id, {})
        assert len(plan.agreements) == 2
        terminate(order, manager)
    assert {x.status for x in db.session.scalars(select(Subscription))} == {SubscriptionStatus.ENDED}
    assert plans.broken() == []
