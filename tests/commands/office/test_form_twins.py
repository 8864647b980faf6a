"""A form sent twice at once, by a double click or from two tabs, makes one record and answers with it (11)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.access import Role
from app.commands.office import accounts, people
from app.commands.office.accounts import AddressFacts, ContactFacts, Profile
from app.commands.office.people import Profile as Person
from app.commands.orders import order_papers
from app.commands.quotes import quotes
from app.commands.quotes.quote_content import QuoteContent
from app.db import db, end_read
from app.errors import Refusal
from app.models import Account, Address, Contact, Note, Opportunity, OrderFile, Quote, User
from tests import factories
from tests.racing import race

pytestmark = pytest.mark.engines

PLACE = AddressFacts(name="Dock", street="Quay 1", postcode="20457", city="Hamburg", country="DE")
SOMEBODY = Person("Ida Berg", "", "", frozenset({Role.SALESPERSON}), frozenset())

Make = Callable[..., Any]
FORMS: dict[str, tuple[type[Any], Make]] = {
    "account": (Account, lambda f, **by: accounts.create(Profile(name="Hafenwerk", currency="EUR"), **by)),
    "quote": (
        Quote,
        lambda f, **by: quotes.create(
            QuoteContent(account_id=f["account"], currency="EUR", expires_on=date(2040, 1, 1)), **by
        ),
    ),
    "contact": (
        Contact,
        lambda f, **by: accounts.add_contact(f["account"], ContactFacts(name="Jo", email="jo@north.test"), **by),
    ),
    "address": (Address, lambda f, **by: accounts.add_address(f["account"], PLACE, **by)),
    "opportunity": (Opportunity, lambda f, **by: accounts.add_opportunity(f["account"], name="Gate 2", **by)),
    "note": (Note, lambda f, **by: order_papers.add_note(f["order"], "They called", visible=False, **by)),
    "file": (OrderFile, lambda f, **by: order_papers.add_file(f["order"], "a.txt", b"plain", visible=False, **by)),
    "person": (User, lambda f, **by: people.create("ida@house.test", SOMEBODY, **by)),
}


@pytest.fixture
def facts(any_app: Flask) -> dict[str, int]:
    admin = factories.user(Role.ADMIN)
    order = factories.order(owner=admin)
    return {"admin": admin.id, "order": order.id, "account": order.account_id}


def _sent(facts: dict[str, int], make: Make, key: str | None) -> Callable[[], int]:
    return lambda: make(facts, form_key=key, by=db.session.get_one(User, facts["admin"])).id


def _count(model: type[Any]) -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(model)) or 0


@pytest.mark.parametrize("what", FORMS)
def test_a_form_sent_twice_at_once_makes_one_record(any_app: Flask, facts: dict[str, int], what: str) -> None:
    model, make = FORMS[what]
    before = _count(model)
    end_read()
    results = race(any_app, [_sent(facts, make, "one-key")] * 3)
    assert len(set(results)) == 1 and isinstance(results[0], int), results
    assert _count(model) == before + 1


@pytest.mark.parametrize("what", [name for name in FORMS if name != "person"])
def test_control_without_the_key_each_of_them_makes_one(any_app: Flask, facts: dict[str, int], what: str) -> None:
    model, make = FORMS[what]
    before = _count(model)
    end_read()
    race(any_app, [_sent(facts, make, None)] * 3)
    assert _count(model) == before + 3


def test_the_same_key_with_other_words_is_refused(any_app: Flask, facts: dict[str, int]) -> None:
    by = db.session.get_one(User, facts["admin"])
    order_papers.add_note(facts["order"], "They called", visible=False, by=by, form_key="k")
    with pytest.raises(Refusal, match="key_reused"):
        order_papers.add_note(facts["order"], "They called twice", visible=False, by=by, form_key="k")
