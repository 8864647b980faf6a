"""What is received by an agreement by hand begins, rests and ends with it, and is as many as are agreed."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app.access import Role
from app.commands.agreements import agreements, changes, ending, pausing
from app.commands.agreements.agreements import LineFacts
from app.commands.agreements.changes import Change
from app.db import db, transaction
from app.models import CollectionMethod, Missed, PaymentAgreement, Subscription, User
from app.states.agreement import AgreementStatus as A
from app.states.subscription import SubscriptionStatus as S
from tests import factories, plans
from tests.conftest import Client
from tests.gateways.scripted import ScriptedGateway
from tests.plans import at

pytestmark = pytest.mark.usefixtures("in_january")


@pytest.fixture
def by(app: Flask) -> User:
    return factories.user(Role.BILLING)


def received(row: PaymentAgreement) -> list[Subscription]:
    db.session.rollback()
    db.session.expire_all()
    mine = select(Subscription).where(Subscription.agreement_id == row.id).order_by(Subscription.id)
    return list(db.session.scalars(mine))


def states(row: PaymentAgreement) -> list[str]:
    return [x.status for x in received(row)]


TWO = tuple(LineFacts(name, Decimal(n), Decimal(100), Decimal(19)) for n, name in ((2, "Care desk"), (1, "Hotline")))


def test_each_line_is_received_from_the_first_day_to_the_last(by: User, client: Client) -> None:
    row = plans.by_hand(lines=TWO, ends_on=date(2027, 4, 30))
    assert [(x.description, x.quantity, x.starts_on, x.ends_on, x.status) for x in received(row)] == [
        ("Care desk", 2, date(2027, 1, 31), date(2027, 4, 30), S.ACTIVE),
        ("Hotline", 1, date(2027, 1, 31), date(2027, 4, 30), S.ACTIVE),
    ]
    assert "2 × Care desk" in client.sign_in(by).get(f"/agreements/{row.number}").text
    assert plans.broken() == []


def test_a_draft_supplies_nothing(by: User) -> None:
    row = plans.by_hand(active=False)
    assert received(row) == []
    agreements.activate(row.id, by=by)
    assert states(row) == [S.ACTIVE]


def test_what_begins_later_is_started_on_its_day(by: User) -> None:
    row = plans.by_hand(starts_on=date(2027, 2, 10))
    assert states(row) == [S.SCHEDULED] and ending.keep_going() == 0
    with at("02-09"):
        assert ending.keep_going() == 0
    with at("02-10"):
        assert ending.keep_going() == 1 and states(row) == [S.ACTIVE]
        assert ending.keep_going() == 0


def test_a_trial_is_received_before_it_is_paid(by: User) -> None:
    row = plans.by_hand(starts_on=date(2027, 3, 1), trial_ends_on=date(2027, 2, 28))
    assert [(x.starts_on, x.status) for x in received(row)] == [(date(2027, 1, 31), S.ACTIVE)]


def test_a_trial_that_is_over_before_anybody_agreed_gives_nothing_away(by: User) -> None:
    row = plans.by_hand(active=False, starts_on=date(2027, 3, 1), trial_ends_on=date(2027, 2, 28))
    with at("03-05"):
        agreements.activate(row.id, first_on=date(2027, 3, 10), by=by)
    assert [(x.starts_on, x.status) for x in received(row)] == [(date(2027, 3, 10), S.SCHEDULED)]


def test_a_first_day_that_is_moved_is_that_of_what_is_received(by: User) -> None:
    row = plans.by_hand(starts_on=date(2027, 2, 10))
    wanted = Change(CollectionMethod.PAYMENT_LINK, next_on=date(2027, 3, 10))
    changes.change(row.id, wanted, version=plans.fresh(row).version, because="Not ready", by=by)
    assert [x.starts_on for x in received(row)] == [date(2027, 3, 10)]
    with at("02-10"):
        ending.keep_going()
    assert states(row) == [S.SCHEDULED]
    with at("03-10"):
        ending.keep_going()
        wanted = Change(CollectionMethod.PAYMENT_LINK, next_on=date(2027, 4, 20))
        changes.change(row.id, wanted, version=plans.fresh(row).version, because="Later", by=by)
    assert [(x.starts_on, x.status) for x in received(row)] == [(date(2027, 3, 10), S.ACTIVE)]


def test_it_rests_and_goes_on_with_its_agreement(by: User) -> None:
    row = plans.by_hand()
    pausing.pause(row.id, until=None, missed=Missed.SKIP, because="The ward is closed", by=by)
    assert states(row) == [S.PAUSED]
    pausing.resume(row.id, missed=Missed.SKIP, by=by)
    assert states(row) == [S.ACTIVE] and plans.broken() == []


def test_a_pause_over_its_first_day_holds_it_back(by: User) -> None:
    row = plans.by_hand(starts_on=date(2027, 2, 10))
    pausing.pause(row.id, until=None, missed=Missed.SKIP, because="The ward is closed", by=by)
    with at("02-11"):
        ending.keep_going()
        assert states(row) == [S.SCHEDULED]
        pausing.resume(row.id, missed=Missed.SKIP, by=by)
        assert states(row) == [S.ACTIVE] and plans.broken() == []


@pytest.mark.parametrize("at_period_end", [True, False])
def test_it_ends_with_its_agreement(by: User, at_period_end: bool) -> None:
    row = plans.by_hand()
    ending.cancel(row.id, at_period_end=at_period_end, because="They move", by=by)
    if at_period_end:
        assert [(x.status, x.ends_on) for x in received(row)] == [(S.ACTIVE, date(2027, 2, 27))]
        with at("03-01"):
            ending.keep_going()
    assert plans.fresh(row).status is A.CANCELLED and states(row) == [S.ENDED] and plans.broken() == []


def test_as_many_are_received_as_are_agreed(gateway: ScriptedGateway, by: User) -> None:
    """Of an agreement by hand, and of an order's."""
    for row in (plans.by_hand(), plans.by_order()):
        line = plans.fresh(row).lines[0]
        wanted = Change(CollectionMethod.PAYMENT_LINK, lines={line.id: (Decimal(7), line.unit_price)})
        changes.change(row.id, wanted, version=plans.fresh(row).version, because="More desks", by=by)
        assert [x.quantity for x in received(row)] == [7]


def test_the_database_refuses_one_of_no_line_and_one_of_two(gateway: ScriptedGateway, by: User) -> None:
    plans.by_order()
    hand = received(plans.by_hand())[0]
    for change in ({"agreement_line_id": None}, {"order_id": 1}, {"order_line_id": 1, "order_id": 1}):
        with pytest.raises(IntegrityError), transaction() as session:
            for name, value in change.items():
                setattr(session.get_one(Subscription, hand.id), name, value)
