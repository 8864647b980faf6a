"""A team hears by mail of what is escalated to it: once, all of it in one mail, and once more when it is late."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select

from app import clock
from app.access import Role
from app.commands.office import escalation_mails, escalations
from app.db import db, end_read
from app.models import OrderEmail, SalesOrder, Symptom, Team, User
from tests import factories
from tests.commands.office.test_escalations import opened


@pytest.fixture
def order(app: Flask) -> SalesOrder:
    return factories.order()


@pytest.fixture
def clerk(order: SalesOrder) -> User:
    return factories.user(Role.AR)


def told() -> list[OrderEmail]:
    escalation_mails.tell()
    db.session.expire_all()
    query = select(OrderEmail).where(OrderEmail.kind == "escalations").order_by(OrderEmail.id)
    found = list(db.session.scalars(query).all())
    end_read()
    return found


def addresses(mail: OrderEmail) -> list[str]:
    return [x["address"] for x in mail.recipients]


def test_all_that_came_together_is_one_mail_to_those_who_work_there(order: SalesOrder, clerk: User) -> None:
    colleague, other = factories.user(Role.AR), factories.order()
    factories.user(Role.BILLING)
    opened(order)
    opened(other)
    (mail,) = told()
    assert addresses(mail) == [clerk.email, colleague.email]
    assert mail.subject == "Finance: 2 escalations wait"
    assert order.number in mail.text and other.number in mail.text and "/operations/escalations/" in mail.text
    assert len(told()) == 1


def test_what_nobody_took_up_in_time_is_told_once_more(order: SalesOrder, clerk: User) -> None:
    row = opened(order)
    opened(factories.order())
    assert len(told()) == 1
    escalations.acknowledge(row.id, by=clerk)
    with time_machine.travel(clock.now() + timedelta(hours=9), tick=True):
        late = told()[1:]
        assert [mail.subject for mail in late] == ["Finance: 1 escalation waits"]
        assert "was not taken up in time" in late[0].text and order.number not in late[0].text
        assert len(told()) == 2


def test_each_team_hears_of_its_own_and_admins_of_a_team_without_people(order: SalesOrder, clerk: User) -> None:
    admin = factories.user(Role.ADMIN)
    opened(order)
    operations = opened(order, Symptom.QUARANTINED)
    mails = {tuple(addresses(mail)) for mail in told()}
    assert (operations.team, mails) == (Team.PAYMENT_OPERATIONS, {(clerk.email,), (admin.email,)})


def test_where_there_is_nobody_it_is_told_later(order: SalesOrder) -> None:
    opened(order)
    assert told() == []
    clerk = factories.user(Role.AR)
    assert [addresses(mail) for mail in told()] == [[clerk.email]]
