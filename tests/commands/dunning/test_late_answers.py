"""What is known of a charge only after people have paused, cancelled or stopped; and what nobody can be told."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select

from app import clock
from app.access import Role
from app.commands.agreements import charging, ending, pausing
from app.commands.dunning import acting, steps
from app.db import end_read, transaction
from app.models import Contact, Gateway, Missed, PaymentAgreement, PaymentProfile, SuppressedAddress, Token
from app.queries.dunning import recovered
from app.states.agreement import AgreementStatus as A
from app.states.declines import DeclineClass
from tests import factories, plans, stories
from tests.commands.payments.test_fallbacks import Unreached, first, second  # noqa: F401  (fixtures)
from tests.gateways.scripted import ScriptedGateway

pytestmark = pytest.mark.usefixtures("app")
End = Callable[[PaymentAgreement], object]


def pause(row: PaymentAgreement) -> None:
    pausing.pause(row.id, until=None, missed=Missed.COLLECT, because="Asked", by=factories.user(Role.AR))


def cancel(row: PaymentAgreement) -> None:
    ending.cancel(row.id, at_period_end=False, because="Asked", by=factories.user(Role.AR))


def stop(row: PaymentAgreement) -> None:
    acting.stop(stories.case(row).id, because="They wire it", by=factories.user(Role.AR))


def in_flight(gateway: ScriptedGateway, answer: str, end: End) -> PaymentAgreement:
    """A retry was sent and its answer lost; then people ended the story."""
    row = stories.declined(gateway, "insufficient_funds")
    gateway.answers = [answer]
    with stories.after(1):
        steps.run()
        end_read()
        assert plans.states(row, 1) == ["collecting"]
        end(row)
    return row


@pytest.mark.parametrize("end", [pause, cancel, stop])
@pytest.mark.parametrize("code", ["insufficient_funds", "expired_card"])
def test_a_decline_that_is_known_late_begins_nothing_anew(gateway: ScriptedGateway, end: End, code: str) -> None:
    row = in_flight(gateway, f"{code} but lost", end)
    ended, mails = stories.case(row).id, len(stories.mails("payment_retry"))
    stories.live(14, since=2)
    assert stories.case(row).id == ended and plans.states(row, 1) == ["failed"]
    assert len(stories.mails("payment_retry")) == mails and not stories.mails("card_needed")
    assert len(plans.attempts(row)) == 2 and plans.broken() == []


def test_a_first_charge_of_what_was_cancelled_meanwhile_opens_no_story(gateway: ScriptedGateway) -> None:
    gateway.answers = ["ok"]
    with time_machine.travel(stories.BEGIN, tick=False):
        row = plans.by_order()
    gateway.answers = ["insufficient_funds but lost"]
    with stories.after(0):
        assert charging.run() == 1
        cancel(row)
    stories.live(12, since=1)
    assert stories.case(row) is None and not stories.mails("payment_retry") and plans.broken() == []


def test_what_never_arrived_after_a_stop_is_left_to_people(gateway: ScriptedGateway) -> None:
    row = in_flight(gateway, "lost before", stop)
    gateway.answers = ["ok"]
    stories.live(40, since=2)
    assert plans.states(row, 1) == ["failed"] and plans.fresh(row).status is A.PAST_DUE
    assert len(plans.attempts(row)) == 2 and plans.broken() == []


@pytest.mark.parametrize("code", ["expired_card", "authentication_required"])
def test_whom_no_mail_reaches_the_policy_ends_on_its_day_all_the_same(gateway: ScriptedGateway, code: str) -> None:
    gateway.answers = ["ok"]
    with time_machine.travel(stories.BEGIN, tick=False):
        row = plans.by_order()
        with transaction() as session:
            for address in session.scalars(select(Contact.email)).all():
                facts = {"cause": "bounced", "words": "550 no such user", "since": clock.now()}
                session.add(SuppressedAddress(address=address.lower(), **facts))
    stories.declined(gateway, code, row)
    stories.live(12)
    assert plans.fresh(row).status is A.PAUSED and str(stories.case(row).status) == "paused"
    assert "could not be mailed" in stories.mails("dunning_notice")[0].text and plans.broken() == []


def test_what_reached_nobody_is_no_decline_and_a_period_counts_once(gateway: ScriptedGateway) -> None:
    row = stories.declined(gateway, "insufficient_funds")
    gateway.answers = ["lost before"]
    stories.live(1)
    with stories.after(1.05):
        stories.work()
        pause(row)
        pausing.resume(row.id, missed=Missed.COLLECT, by=factories.user(Role.AR))
        assert stories.case(row).kind is DeclineClass.RETRY_LATER
        end_read()
        figures = recovered.view(30, factories.user(Role.AR))
        assert figures.lost == () and [f.count for f in figures.open] == [1]


def test_a_fallback_that_declines_leaves_no_retry_beside_the_policy(
    app: Flask,
    first: Unreached,  # noqa: F811
    second: ScriptedGateway,  # noqa: F811
) -> None:
    first.refuses = False
    row = stories.declined(first, "insufficient_funds")
    with transaction() as session:
        backup = session.scalars(select(Gateway.id).where(Gateway.key == "backup")).one()
        fresh = session.get_one(PaymentAgreement, row.id)
        session.add(Token(method_id=fresh.method_id, gateway_id=backup, token="t-backup"))
        session.add(PaymentProfile(account_id=fresh.account_id, gateway_id=backup, customer_ref="cus-backup"))
    first.refuses, second.answers = True, ["insufficient_funds"]
    with stories.after(1):
        stories.work()
    made = len(plans.attempts(row))
    with stories.after(1.2):
        stories.work()
    assert made == len(plans.attempts(row)) == 3
    assert sum(step.endswith("waits") and step.startswith("retry") for step in stories.told(row)) == 3
