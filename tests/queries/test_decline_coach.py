"""The decline coach: why in plain words, whether a retry can work and when, which card instead, and a drafted mail."""

from __future__ import annotations

import pytest
from flask import Flask, current_app

from app.access import Role
from app.db import db, end_read
from app.models import SalesOrder, User
from app.queries.orders import decline, facts
from app.queries.orders.views import DeclineView
from tests import factories
from tests.blueprints.payments.conftest import card_on_file, charged


@pytest.fixture
def boss(app: Flask) -> User:
    return factories.user(Role.ADMIN)


def coached(order: SalesOrder, reader: User) -> DeclineView:
    end_read()
    db.session.expire_all()
    with current_app.test_request_context():
        found = decline.last(facts.load(order.number, reader))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("slug", "retry"),
    [
        ("insufficient-funds", "The same card may be tried again in a few days."),
        ("stolen", "Trying the same card again cannot work."),
    ],
)
def test_it_says_whether_and_when_the_same_card_can_work(boss: User, slug: str, retry: str) -> None:
    order = factories.order(owner=boss, deposit_percent="10")
    charged(order, boss, slug)
    found = coached(order, boss)
    assert found.retry == retry
    assert found.suggested == "No other card on file is ready, so the customer must enter one."
    assert found.charge is None
    assert found.mail is not None and found.mail.label == "Draft a mail with a link"
    assert found.mail.href.startswith("/payments/PO-")


def test_it_suggests_the_card_that_is_ready(boss: User) -> None:
    order = factories.order(owner=boss, deposit_percent="10")
    card_on_file(order, boss, "mastercard")
    charged(order, boss, "insufficient-funds", key="k2")
    found = coached(order, boss)
    assert found.suggested is not None and found.suggested.endswith("is on file and ready.")
    assert found.charge is not None and found.charge.label.startswith("Charge Mastercard")
