"""Payment links: one live link a payment order, sent to whoever gets it today, dead when it is said to be."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select

from app import clock, jobs, links, settings
from app.access import Role
from app.commands.orders import approvals, orders
from app.commands.payments import charges, collection, inquiries, payment_links, payment_orders
from app.db import db, transaction
from app.errors import Refusal
from app.models import (
    Account,
    Actor,
    Audit,
    Contact,
    IntentPurpose,
    OrderEmail,
    PaymentIntent,
    PaymentOrder,
    SalesOrder,
    User,
)
from app.queries.public import checkout
from app.states.intent import IntentStatus
from app.states.mail import MailStatus
from tests import factories
from tests.commands.collecting import CARD, booked, close_route, fresh, hold, request, switch
from tests.gateways.scripted import ScriptedGateway


@pytest.fixture
def seller(app: Flask) -> User:
    return factories.user(Role.SALESPERSON)


@pytest.fixture
def due(gateway: ScriptedGateway, seller: User) -> PaymentOrder:
    """A payment order of 100.00 EUR on a booked order; nothing sent yet."""
    return request(booked(seller), seller)


def intents() -> list[PaymentIntent]:
    db.session.rollback()
    return list(db.session.scalars(select(PaymentIntent).where(PaymentIntent.purpose == IntentPurpose.LINK)))


def deliver() -> None:
    db.session.rollback()
    jobs.run_due(raising=True)


def customer() -> Actor:
    return Actor.customer("Maria Keller")


def test_a_link_is_sent_with_amount_and_life(due: PaymentOrder, seller: User) -> None:
    mail = payment_links.send(due.id, form_key="k1", by=seller)
    (intent,) = intents()
    assert (mail.kind, mail.link_public_id, mail.status) == ("payment_link", intent.public_id, MailStatus.QUEUED)
    assert (intent.amount, intent.currency, intent.attempt_limit) == (10_000, "EUR", 5)
    assert timedelta(days=29) < intent.expires_at - clock.now() <= timedelta(days=30)
    audits = db.session.scalars(select(Audit).where(Audit.action == "payment_link.send")).all()
    assert [(a.subject, a.after) for a in audits] == [(due.number, {"to": [r["address"] for r in mail.recipients]})]


def test_confirming_twice_sends_once(due: PaymentOrder, seller: User) -> None:
    assert (
        payment_links.send(due.id, form_key="k1", by=seller).id
        == payment_links.send(due.id, form_key="k1", by=seller).id
    )
    other = request(fresh(due).order, seller, minor=5_000)
    with pytest.raises(Refusal, match="key_reused"):
        payment_links.send(other.id, form_key="k1", by=seller)


def test_sending_again_keeps_the_link(due: PaymentOrder, seller: User) -> None:
    first = payment_links.send(due.id, form_key="k1", by=seller)
    with pytest.raises(Refusal, match="mail_on_its_way"):
        payment_links.send(due.id, form_key="k2", by=seller)
    deliver()
    again = payment_links.send(due.id, form_key="k2", by=seller)
    assert again.id != first.id
    assert again.link_public_id == first.link_public_id
    assert len(intents()) == 1


def test_sending_again_goes_to_whoever_gets_it_today(due: PaymentOrder, seller: User) -> None:
    payment_links.send(due.id, form_key="k1", by=seller)
    with transaction() as session:
        session.get_one(Contact, due.contact_id).email = "right@northfield.test"
    again = payment_links.send(due.id, form_key="k2", by=seller)
    assert [r["address"] for r in again.recipients][0] == "right@northfield.test"


def test_a_used_up_link_is_replaced_by_a_new_one(gateway: ScriptedGateway, due: PaymentOrder, seller: User) -> None:
    switch(settings.ATTEMPT_LIMIT, 1)  # type: ignore[arg-type]
    payment_links.send(due.id, form_key="k1", by=seller)
    gateway.answers = ["insufficient_funds"]
    attempt = charges.start(intents()[0].id, pay_with=CARD, form_key="pay", by=customer())
    charges.execute(attempt.id)
    payment_links.send(due.id, form_key="k2", by=seller)
    assert [i.status for i in intents()] == [IntentStatus.SUPERSEDED, IntentStatus.LIVE]


def test_a_revoked_link_is_dead_and_says_so(due: PaymentOrder, seller: User) -> None:
    payment_links.send(due.id, form_key="k1", by=seller)
    (intent,) = intents()
    payment_links.revoke(intent.id, because="Wrong amount", by=seller)
    (intent,) = intents()
    assert intent.status is IntentStatus.REVOKED
    page = checkout.by_link(intent.public_id, intent.generation)
    assert page is not None and page.state == "revoked"
    with pytest.raises(Refusal, match="link_dead"):
        charges.start(intent.id, pay_with=CARD, form_key="pay", by=customer())
    with pytest.raises(Refusal, match="not_live"):
        payment_links.revoke(intent.id, because="Again", by=seller)
    payment_links.send(due.id, form_key="k2", by=seller)
    assert [i.status for i in intents()] == [IntentStatus.REVOKED, IntentStatus.LIVE]


def test_a_revoked_link_is_not_mailed_any_more(due: PaymentOrder, seller: User) -> None:
    mail = payment_links.send(due.id, form_key="k1", by=seller)
    payment_links.revoke(intents()[0].id, because="Wrong amount", by=seller)
    deliver()
    assert fresh(mail).status is MailStatus.FAILED


def test_a_link_dies_when_its_time_is_over(due: PaymentOrder, seller: User) -> None:
    payment_links.send(due.id, form_key="k1", by=seller)
    assert payment_links.expire_due() == 0
    with time_machine.travel(clock.now() + timedelta(days=31)):
        with pytest.raises(Refusal, match="link_expired"):
            charges.start(intents()[0].id, pay_with=CARD, form_key="pay", by=customer())
        assert payment_links.expire_due() == 1
        assert payment_links.expire_due() == 0
        assert intents()[0].status is IntentStatus.EXPIRED
        payment_links.send(due.id, form_key="k2", by=seller)
        assert [i.status for i in intents()] == [IntentStatus.EXPIRED, IntentStatus.LIVE]


def test_a_link_being_paid_neither_expires_nor_is_revoked(
    gateway: ScriptedGateway, due: PaymentOrder, seller: User
) -> None:
    payment_links.send(due.id, form_key="k1", by=seller)
    gateway.answers = ["ok but lost"]
    attempt = charges.start(intents()[0].id, pay_with=CARD, form_key="pay", by=customer())
    charges.execute(attempt.id)
    with pytest.raises(Refusal, match="payment_in_progress"):
        payment_links.revoke(intents()[0].id, because="Too late", by=seller)
    with pytest.raises(Refusal, match="payment_in_progress"):
        payment_links.send(due.id, form_key="k2", by=seller)
    with time_machine.travel(clock.now() + timedelta(days=31)):
        assert payment_links.expire_due() == 0
        inquiries.sweep()
        assert intents()[0].status is IntentStatus.PAID


def test_the_checkout_of_an_approval_is_not_revoked_alone(app: Flask, seller: User) -> None:
    approvals.submit(factories.order(owner=seller).id, by=seller)
    intent = db.session.scalars(select(PaymentIntent)).one()
    with pytest.raises(Refusal, match="approval_link"):
        payment_links.revoke(intent.id, because="No", by=seller)


def test_links_need_their_permission(due: PaymentOrder, seller: User) -> None:
    reader = factories.user(Role.READ_ONLY)
    with pytest.raises(Refusal, match="not_permitted"):
        payment_links.send(due.id, form_key="k", by=reader)
    payment_links.send(due.id, form_key="k", by=seller)
    with pytest.raises(Refusal, match="not_permitted"):
        payment_links.revoke(intents()[0].id, because="No", by=reader)


def codes(due: PaymentOrder) -> list[str]:
    return [refusal.code for refusal in payment_links.blocks(fresh(due))]


def test_preflight_names_everything_that_is_in_the_way_and_sending_the_first(due: PaymentOrder, seller: User) -> None:
    assert codes(due) == []
    hold(due.account_id)
    close_route()
    with transaction() as session:
        order = session.get_one(SalesOrder, due.order_id)
        order.quote_id = order.opportunity_id = None
        session.get_one(PaymentOrder, due.id).contact_id = order.contact_id = None
        session.get_one(Account, due.account_id).billing_contact_id = None
    assert codes(due) == ["missing_quote", "missing_opportunity", "on_hold", "no_contact", "no_route"]
    with pytest.raises(Refusal, match="missing_quote"):
        payment_links.send(due.id, form_key="k", by=seller)
    assert intents() == []


def test_an_address_that_is_none_is_in_the_way(due: PaymentOrder) -> None:
    with transaction() as session:
        session.get_one(Contact, due.contact_id).email = "maria at northfield"
    assert codes(due) == ["address_invalid"]


def test_a_paid_or_cancelled_payment_order_has_no_link(due: PaymentOrder, seller: User) -> None:
    other = request(fresh(due).order, seller, minor=5_000)
    payment_orders.cancel(other.id, because="Not needed", by=seller)
    assert codes(other) == ["cancelled"]
    collection.collect(due.id, pay_with=CARD, form_key="pay", by=seller)
    assert codes(due) == ["paid"]


def test_an_order_awaiting_approval_is_paid_where_it_is_signed(app: Flask, seller: User) -> None:
    order = factories.order(owner=seller)
    approvals.submit(order.id, by=seller)
    first = db.session.scalars(select(PaymentOrder)).one()
    assert codes(first) == ["awaiting_approval"]
    with pytest.raises(Refusal, match="awaiting_approval"):
        payment_links.send(first.id, form_key="k", by=seller)


def test_after_a_declined_card_taken_by_staff_a_link_may_ask_for_the_first_payment(
    gateway: ScriptedGateway, seller: User
) -> None:
    gateway.answers = ["authentication_required", "ok"]
    order = factories.order(owner=seller)
    declined = collection.collect_first(order.id, pay_with=CARD, form_key="k", by=seller)
    payment_links.send(declined.payment_order_id, form_key="k2", by=seller)
    attempt = charges.start(intents()[0].id, pay_with=CARD, form_key="pay", by=customer())
    assert charges.execute(attempt.id).status == "succeeded"
    assert fresh(order).status == "activated"


def test_a_cancelled_orders_rest_is_not_asked_for(due: PaymentOrder, seller: User) -> None:
    with transaction() as session:
        order = session.get_one(SalesOrder, due.order_id)
        order.transition(orders.OrderEvent.TERMINATE, by=Actor.of(seller))
    assert codes(due) == ["cancelled"]


def test_no_row_and_no_audit_holds_the_token(due: PaymentOrder, seller: User) -> None:
    mail = payment_links.send(due.id, form_key="k1", by=seller)
    (intent,) = intents()
    token = links.mint("pay", intent.public_id, intent.generation)
    row = {c.name: str(getattr(mail, c.name)) for c in OrderEmail.__table__.columns}
    assert token not in str(row)
    assert token not in str(db.session.scalars(select(Audit.after)).all())
