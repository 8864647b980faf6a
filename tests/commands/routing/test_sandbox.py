"""The console's acts: who may, what they do to one gateway and to no other, and the audit row each of them leaves."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import select

from app.access import Role
from app.commands.routing import sandbox as console
from app.db import db, transaction
from app.errors import NotFound, Refusal
from app.gateways.base import Outcome
from app.gateways.sandbox import post, reconcile
from app.gateways.sandbox.cards import Fault
from app.gateways.sandbox.tables import Call, ChargeState, Manner
from app.models import Audit, Gateway, User
from app.money import Money
from app.queries import sandbox as queries
from tests import factories
from tests.gateways.bench import Bench
from tests.gateways.benches import sandbox_bench


@pytest.fixture
def bench(app: Flask) -> Bench:
    factories.company()
    app.extensions[post.EXTENSION] = lambda address, body, headers: 200
    return sandbox_bench()


@pytest.fixture
def operator(bench: Bench) -> User:
    return factories.user(Role.PAYMENT_OPERATIONS)


def audited() -> list[str]:
    return list(db.session.scalars(select(Audit.action).where(Audit.action.startswith("sandbox.")).order_by(Audit.id)))


def test_the_next_call_ends_as_it_was_armed_and_the_one_after_as_ever(bench: Bench, operator: User) -> None:
    console.arm("sandbox", Call.CHARGE, decline_code="do_not_honor", advice="try_again_later", by=operator)
    console.arm("sandbox", Call.CHARGE, fault=Fault.TIMEOUT_AFTER, by=operator)
    console.arm("sandbox", Call.REFUND, state=ChargeState.PENDING, by=operator)
    assert [armed.call for armed in queries.console("sandbox").armed] == ["charge", "charge", "refund"]
    db.session.rollback()
    declined, lost = bench.gateway.charge(bench.request()), bench.gateway.charge(bench.request())
    assert (declined.decline_code, declined.advice) == ("do_not_honor", "try_again_later")
    assert lost.outcome is Outcome.UNKNOWN
    assert bench.gateway.move(bench.movement("refund", bench.paid())).outcome is Outcome.PENDING
    assert queries.console("sandbox").armed == ()
    assert audited() == ["sandbox.armed"] * 3


@pytest.mark.parametrize("call", [Call.CAPTURE, Call.VOID, Call.ASK])
def test_what_cannot_be_declined_is_not_armed_to_be(bench: Bench, operator: User, call: Call) -> None:
    with pytest.raises(Refusal) as refused:
        console.arm("sandbox", call, decline_code="do_not_honor", by=operator)
    assert refused.value.code == "not_of_this_call"
    with pytest.raises(Refusal) as refused:
        console.arm("sandbox", call, by=operator)
    assert refused.value.code == "nothing_armed"
    assert audited() == []


def test_each_act_does_what_it_says_and_leaves_its_row(bench: Bench, operator: User) -> None:
    console.arm("sandbox", Call.CHARGE, state=ChargeState.PENDING, by=operator)
    request = bench.request()
    pending = bench.gateway.charge(request)
    console.settle("sandbox", pending.provider_id or "", by=operator)
    assert bench.gateway.charge(request).outcome is Outcome.SUCCEEDED
    refund = console.refund_by_hand("sandbox", pending.provider_id or "", Money(100, "EUR"), by=operator)
    console.end_refund("sandbox", refund, error_code="lost_or_stolen_card", by=operator)
    inquiry = console.open_dispute("sandbox", pending.provider_id or "", inquiry=True, by=operator)
    console.escalate("sandbox", inquiry, by=operator)
    console.decide("sandbox", inquiry, won=True, by=operator)
    (payout,) = console.pay_out("sandbox", by=operator)
    console.fail_payout("sandbox", payout, by=operator)
    console.take_down("sandbox", by=operator)
    assert bench.gateway.charge(bench.request()).sent is False
    console.bring_up("sandbox", by=operator)
    console.silence("sandbox", by=operator)
    console.let_speak("sandbox", by=operator)
    assert audited() == [
        f"sandbox.{act}"
        for act in (
            "armed",
            "charge_settled",
            "refunded_by_hand",
            "refund_ended",
            "dispute_opened",
            "inquiry_escalated",
            "dispute_decided",
            "paid_out",
            "payout_failed",
            "taken_down",
            "brought_up",
            "silenced",
            "let_speak",
        )
    ]
    assert reconcile.complaints() == []


def test_events_are_sent_as_often_and_in_the_order_that_is_asked_for(app: Flask, bench: Bench, operator: User) -> None:
    seen: list[str] = []
    app.extensions[post.EXTENSION] = lambda address, body, headers: (
        seen.append(bench.gateway.read_notice(body, headers).type) or 200  # type: ignore[func-returns-value]
    )
    charge = bench.paid(capture=False)
    bench.gateway.move(bench.movement("capture", charge))
    assert console.send_all("sandbox", backwards=True, by=operator) == [200, 200]
    assert seen == ["charge.captured", "charge.authorized"]
    newest = queries.console("sandbox").events[0].id
    assert console.send("sandbox", newest, times=2, by=operator) == [200, 200]
    assert console.send_all("sandbox", by=operator) == []
    assert audited() == ["sandbox.events_sent", "sandbox.event_sent", "sandbox.events_sent"]


def test_one_gateway_does_not_send_the_events_of_another(bench: Bench, operator: User) -> None:
    with transaction() as session:
        session.add(Gateway(key="sandbox-us", kind="sandbox", name="Sandbox USA", currencies=["USD"]))
    charge = bench.paid()
    event_id = queries.console("sandbox").events[0].id
    for act in (
        lambda: console.send("sandbox-us", event_id, Manner.FORGED, by=operator),
        lambda: console.delay("sandbox-us", event_id, by=operator),
        lambda: console.open_dispute("sandbox-us", charge.provider_id or "", by=operator),
        lambda: console.pay_out("sandbox-us", by=operator),
    ):
        with pytest.raises(Refusal):
            act()
    assert audited() == []


def test_only_who_may_and_only_a_sandbox(app: Flask, bench: Bench, operator: User) -> None:
    with transaction() as session:
        session.add(Gateway(key="real", kind="stripe", name="Stripe", currencies=["EUR"]))
    for key in ("real", "nothing"):
        with pytest.raises(NotFound):
            console.take_down(key, by=operator)
    with pytest.raises(Refusal) as refused:
        console.take_down("sandbox", by=factories.user(Role.SALESPERSON))
    assert refused.value.status == 403
    app.config["SANDBOX"] = False
    with pytest.raises(NotFound):
        console.take_down("sandbox", by=operator)
    assert audited() == []
