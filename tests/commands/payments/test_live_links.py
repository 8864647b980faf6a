"""A link that the customer has: another address, a longer life, more tries, another payer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask

from app import clock
from app.access import Role
from app.commands.payments import charges, live_links, payment_links
from app.db import db, end_read
from app.errors import Refusal
from app.models import Actor, Audit, IntentPurpose, OrderEmail, PaymentIntent, PaymentOrder, User
from app.queries.public import checkout
from app.queries.public.checkout import State
from app.states.attempt import AttemptStatus
from app.states.intent import IntentStatus
from tests import factories
from tests.commands.collecting import CARD, booked, request
from tests.gateways.scripted import ScriptedGateway
from tests.racing import race, refused


@pytest.fixture
def seller(app: Flask) -> User:
    return factories.user(Role.ADMIN)


@pytest.fixture
def link(gateway: ScriptedGateway, seller: User) -> PaymentIntent:
    return sent(request(booked(seller), seller), seller)


def sent(row: PaymentOrder, by: User) -> PaymentIntent:
    payment_links.send(row.id, form_key=f"send-{row.id}", by=by)
    return db.session.query(PaymentIntent).filter_by(payment_order_id=row.id, purpose=IntentPurpose.LINK).one()


def refusal(code: str, act: Callable[[], Any]) -> None:
    with pytest.raises(Refusal) as caught:
        act()
    assert caught.value.code == code


def pay(intent_id: int, key: str = "p1") -> Any:
    attempt = charges.start(intent_id, pay_with=CARD, form_key=key, by=Actor.customer("Maria Keller"))
    return charges.execute(attempt.id)


def state(link: PaymentIntent, generation: int) -> State:
    found = checkout.by_link(link.public_id, generation)
    assert found is not None
    return found.state


def test_a_rotated_link_says_that_there_is_a_newer_one(link: PaymentIntent, seller: User) -> None:
    live_links.rotate(link.id, because="Forwarded to a stranger.", by=seller)
    assert state(link, 1) is State.SUPERSEDED and state(link, 2) is State.PAY
    assert db.session.query(Audit).filter_by(action="payment_link.rotate").count() == 1


def test_a_link_lives_longer_and_never_shorter(link: PaymentIntent, seller: User) -> None:
    day = (link.expires_at + timedelta(days=10)).date()
    assert live_links.extend(link.id, until=day, by=seller).expires_at.date() >= day - timedelta(days=1)
    refusal("not_later", lambda: live_links.extend(link.id, until=clock.now().date(), by=seller))
    refusal("too_long", lambda: live_links.extend(link.id, until=day + timedelta(days=800), by=seller))


def test_a_dead_link_is_neither_rotated_nor_extended(link: PaymentIntent, seller: User) -> None:
    payment_links.revoke(link.id, because="Wrong amount.", by=seller)
    later = (clock.now() + timedelta(days=60)).date()
    refusal("not_live", lambda: live_links.rotate(link.id, because="x", by=seller))
    refusal("not_live", lambda: live_links.extend(link.id, until=later, by=seller))


def test_an_expired_link_is_over_before_the_clock_says_so(link: PaymentIntent, seller: User) -> None:
    with time_machine.travel(link.expires_at + timedelta(seconds=1), tick=False):
        refusal("not_live", lambda: live_links.rotate(link.id, because="x", by=seller))


def test_more_tries_are_granted_once_they_are_used_up(
    link: PaymentIntent, gateway: ScriptedGateway, seller: User
) -> None:
    refusal("tries_left", lambda: live_links.grant_tries(link.id, by=seller))
    gateway.answers = ["card_declined"]
    for n in range(link.attempt_limit):
        pay(link.id, key=f"p{n}")
    refusal("attempts_used_up", lambda: pay(link.id, key="one-more"))
    assert live_links.grant_tries(link.id, by=seller).attempt_limit == 10
    gateway.answers = ["ok"]
    assert pay(link.id, key="again").status is AttemptStatus.SUCCEEDED


def test_whoever_has_the_link_passes_it_on_so_often_and_no_more(link: PaymentIntent) -> None:
    for n in range(live_links.MOST_PAYERS):
        live_links.forward(link.id, name="Ann", email=f"ann{n}@northfield.test")
    refusal("too_many_payers", lambda: live_links.forward(link.id, name="Ann", email="one-more@northfield.test"))
    assert db.session.query(OrderEmail).filter_by(asked_by=live_links.PAYER).count() == live_links.MOST_PAYERS


def test_looking_counts_once(link: PaymentIntent) -> None:
    live_links.mark_viewed(link.id)
    first = db.session.get_one(PaymentIntent, link.id).viewed_at
    live_links.mark_viewed(link.id)
    assert first is not None and db.session.get_one(PaymentIntent, link.id).viewed_at == first


def test_only_those_who_send_links_change_them(link: PaymentIntent) -> None:
    person = factories.user(Role.READ_ONLY)
    refusal("not_permitted", lambda: live_links.rotate(link.id, because="x", by=person))


@pytest.mark.engines
def test_rotating_and_paying_at_once_never_charge_the_dead_address(
    any_app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever pays names the checkout; a rotation that wins waits for nothing, one that loses is refused."""
    scripted = ScriptedGateway()
    monkeypatch.setattr(charges.registry, "for_account", lambda account: scripted)
    monkeypatch.setattr(charges.registry, "get", lambda row: scripted)
    admin = factories.user(Role.ADMIN)
    order = booked(admin)
    link = sent(request(order, admin), admin)
    link_id, admin_id = link.id, admin.id
    end_read()
    results = race(
        any_app,
        [
            lambda: pay(link_id),
            lambda: live_links.rotate(link_id, because="x", by=db.session.get_one(User, admin_id)),
            lambda: payment_links.revoke(link_id, because="x", by=db.session.get_one(User, admin_id)),
        ],
    )
    assert not [r for r in results if isinstance(r, Exception) and not isinstance(r, Refusal)], results
    db.session.expire_all()
    status = db.session.get_one(PaymentIntent, link_id).status
    paid = getattr(results[0], "status", None) is AttemptStatus.SUCCEEDED
    assert (status is IntentStatus.PAID) == paid, results
    assert paid or "link_dead" in refused(results)
