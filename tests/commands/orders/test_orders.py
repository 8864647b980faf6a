"""Taking orders back, booking them on terms, cancelling them, and approvals that run out."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select

from app import clock
from app.access import Role
from app.commands.orders import approvals, orders, signing
from app.commands.payments import collection
from app.commands.payments.charges import Instrument
from app.db import db, transaction
from app.errors import Refusal
from app.models import (
    SYSTEM,
    Approval,
    Due,
    History,
    Instalment,
    Opportunity,
    OpportunityStage,
    PaymentIntent,
    PaymentOrder,
    SalesOrder,
    Subscription,
    User,
)
from app.models.order import TAG_DECLINED, TAG_EXPIRED
from app.states.approval import ApprovalStatus
from app.states.intent import IntentStatus
from app.states.order import OrderEvent, OrderStatus
from app.states.payment_order import PaymentOrderStatus
from app.states.subscription import SubscriptionStatus
from tests import factories

CARDS = {
    "declined": "sbx_card_insufficient-funds_1229",
    "waiting": "sbx_card_confirm_1229",
    "good": "sbx_card_visa_1229",
}


@pytest.fixture
def manager(app: Flask) -> User:
    return factories.user(Role.SALES_MANAGER)


@pytest.fixture
def order(manager: User) -> SalesOrder:
    return factories.order(owner=manager)


def fresh(order: SalesOrder) -> SalesOrder:
    db.session.rollback()
    db.session.expire_all()
    return db.session.get_one(SalesOrder, order.id)


def collect(order: SalesOrder, by: User, card: str) -> None:
    first = collection.prepare_first(order.id, by=by)
    collection.collect(first.id, pay_with=Instrument(alias=CARDS[card], label="Visa"), form_key=card, by=by)


def nothing_due(order: SalesOrder) -> None:
    with transaction():
        row = db.session.get_one(SalesOrder, order.id)
        row.instalments = [Instalment(position=1, percent=Decimal(100), due=Due.DELIVERY)]


def sign(approval: Approval) -> None:
    row = db.session.get_one(Approval, approval.id)
    hand = factories.hand(row, email=row.sent_to)
    signing.sign(row.id, hand, sha256=row.snapshot.sha256, edition=row.snapshot.edition)


def test_back_to_draft_voids_approval_and_links_and_drops_the_tag(order: SalesOrder, manager: User) -> None:
    approvals.submit(order.id, by=manager)
    with transaction():
        db.session.get_one(SalesOrder, order.id).tag(TAG_DECLINED)
    orders.convert_to_draft(order.id, because="They want two more", by=manager)
    order = fresh(order)
    assert order.status is OrderStatus.DRAFT and TAG_DECLINED not in order.tags
    assert db.session.scalars(select(Approval)).one().status is ApprovalStatus.REVOKED
    assert {i.status for i in db.session.scalars(select(PaymentIntent))} <= {
        IntentStatus.REVOKED,
        IntentStatus.CANCELLED,
    }
    assert {p.status for p in db.session.scalars(select(PaymentOrder))} == {PaymentOrderStatus.CANCELLED}
    row = db.session.scalars(select(History).where(History.event == "convert_to_draft")).one()
    assert (row.because, row.user_id) == ("They want two more", manager.id)


def test_a_declined_order_is_mended(order: SalesOrder, manager: User) -> None:
    collect(order, manager, "declined")
    assert fresh(order).status is OrderStatus.DECLINED
    orders.convert_to_draft(order.id, because="Another card", by=manager)
    assert fresh(order).status is OrderStatus.DRAFT


def test_a_reason_is_asked_for(order: SalesOrder, manager: User) -> None:
    approvals.submit(order.id, by=manager)
    for act in (orders.convert_to_draft, orders.cancel):
        with pytest.raises(Refusal) as refusal:
            act(order.id, because="  ", by=manager)
        assert refusal.value.code == "reason_missing"


def test_only_an_order_with_its_customer_goes_back(order: SalesOrder, manager: User) -> None:
    with pytest.raises(Refusal) as refusal:
        orders.convert_to_draft(order.id, because="No", by=manager)
    assert refusal.value.code == "not_with_customer"


@pytest.mark.parametrize("act", ["convert", "cancel", "book"])
def test_nothing_moves_under_a_payment_on_its_way(order: SalesOrder, manager: User, act: str) -> None:
    collect(order, manager, "waiting")
    with transaction():
        row = db.session.get_one(SalesOrder, order.id)
        if act == "convert":
            row.transition(OrderEvent.SUBMIT, by=SYSTEM)
    with pytest.raises(Refusal) as refusal:
        {
            "convert": lambda: orders.convert_to_draft(order.id, because="Now", by=manager),
            "cancel": lambda: orders.cancel(order.id, because="Now", by=manager),
            "book": lambda: orders.book(order.id, by=manager),
        }[act]()
    assert refusal.value.code == "payment_in_progress"


def test_booked_on_terms_it_is_active_at_once(order: SalesOrder, manager: User) -> None:
    nothing_due(order)
    orders.book(order.id, by=manager)
    order = fresh(order)
    assert order.status is OrderStatus.ACTIVATED
    assert all(line.activated_on for line in order.lines)


def test_booked_ahead_of_its_start_it_is_scheduled(manager: User) -> None:
    order = factories.order(owner=manager, start_date=clock.today(factories.ZONE) + timedelta(days=9))
    nothing_due(order)
    orders.book(order.id, by=manager)
    assert fresh(order).status is OrderStatus.SCHEDULED


def test_booking_is_refused_by_name(order: SalesOrder, manager: User) -> None:
    with pytest.raises(Refusal) as refusal:
        orders.book(order.id, by=manager)
    assert refusal.value.code == "due_at_signature"
    nothing_due(order)
    with transaction():
        db.session.get_one(SalesOrder, order.id).account.hold_reason = "Two invoices overdue"
    with pytest.raises(Refusal) as refusal:
        orders.book(order.id, by=manager)
    assert refusal.value.code == "on_hold"
    with transaction():
        row = db.session.get_one(SalesOrder, order.id)
        row.account.hold_reason, row.billing_address_id = None, None
    with pytest.raises(Refusal) as refusal:
        orders.book(order.id, by=manager)
    assert refusal.value.code == "billing_incomplete"


def test_a_salesperson_does_not_book(app: Flask) -> None:
    ann = factories.user(Role.SALESPERSON)
    order = factories.order(owner=ann)
    nothing_due(order)
    with pytest.raises(Refusal) as refusal:
        orders.book(order.id, by=ann)
    assert refusal.value.code == "not_permitted"


def test_cancelling_kills_links_and_reopens_the_opportunity(order: SalesOrder, manager: User) -> None:
    with transaction():
        db.session.get_one(Opportunity, order.opportunity_id).stage = OpportunityStage.WON
    approvals.submit(order.id, by=manager)
    orders.cancel(order.id, because="Customer went elsewhere", by=manager)
    order = fresh(order)
    assert order.status is OrderStatus.CANCELLED
    assert db.session.get_one(Opportunity, order.opportunity_id).stage is OpportunityStage.OPEN
    assert db.session.scalars(select(Approval)).one().status is ApprovalStatus.REVOKED
    assert not db.session.scalars(select(PaymentIntent).where(PaymentIntent.status == IntentStatus.LIVE)).all()


def test_cancelling_a_scheduled_order_ends_its_subscriptions(manager: User) -> None:
    order = factories.order(owner=manager, start_date=clock.today(factories.ZONE) + timedelta(days=9))
    nothing_due(order)
    orders.book(order.id, by=manager)
    orders.cancel(order.id, because="Never mind", by=manager)
    assert {s.status for s in db.session.scalars(select(Subscription))} == {SubscriptionStatus.ENDED}


def test_an_order_with_money_on_it_is_not_cancelled(manager: User) -> None:
    order = factories.order(owner=manager, start_date=clock.today(factories.ZONE) + timedelta(days=9))
    collect(order, manager, "good")
    assert fresh(order).status is OrderStatus.SCHEDULED
    with pytest.raises(Refusal) as refusal:
        orders.cancel(order.id, because="Too dear", by=manager)
    assert refusal.value.code == "money_received"


def test_an_active_order_is_not_cancelled(order: SalesOrder, manager: User) -> None:
    nothing_due(order)
    orders.book(order.id, by=manager)
    with pytest.raises(Refusal) as refusal:
        orders.cancel(order.id, because="Too late", by=manager)
    assert refusal.value.code == "not_cancellable"


def test_an_unsigned_approval_that_ran_out_goes_back_to_draft(order: SalesOrder, manager: User) -> None:
    approvals.submit(order.id, by=manager)
    assert orders.expire_approvals() == 0
    with time_machine.travel(clock.now() + timedelta(days=15)):
        assert orders.expire_approvals() == 1
        assert orders.expire_approvals() == 0
    order = fresh(order)
    assert order.status is OrderStatus.DRAFT and order.tags == [TAG_EXPIRED]
    assert db.session.scalars(select(Approval)).one().status is ApprovalStatus.EXPIRED


def test_a_signature_outlives_its_link(order: SalesOrder, manager: User) -> None:
    sign(approvals.submit(order.id, by=manager))
    with time_machine.travel(clock.now() + timedelta(days=15)):
        assert orders.expire_approvals() == 0
    assert fresh(order).status is OrderStatus.AWAITING_APPROVAL


def test_signed_but_declined_and_run_out_it_goes_back(order: SalesOrder, manager: User) -> None:
    sign(approvals.submit(order.id, by=manager))
    collect(order, manager, "declined")
    assert fresh(order).status is OrderStatus.DECLINED
    with time_machine.travel(clock.now() + timedelta(days=15)):
        assert orders.expire_approvals() == 1
    assert fresh(order).status is OrderStatus.DRAFT


def test_expiry_waits_for_a_payment_on_its_way(order: SalesOrder, manager: User) -> None:
    approvals.submit(order.id, by=manager)
    collect(order, manager, "waiting")
    with time_machine.travel(clock.now() + timedelta(days=15)):
        assert orders.expire_approvals() == 0
    assert fresh(order).status is OrderStatus.AWAITING_APPROVAL
