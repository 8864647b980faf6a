"""The account pages."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import select

from app.access import Role
from app.commands.office import accounts
from app.commands.office.accounts import AddressFacts, ContactFacts, Profile
from app.commands.quotes import conversion
from app.db import db
from app.errors import Refusal
from app.models import Account, Audit, Contact
from app.queries import accounts as queries
from tests import factories
from tests.commands import quoting
from tests.conftest import Client


@pytest.fixture
def seller(client: Client) -> Client:
    return client.sign_in(factories.user(Role.SALESPERSON, name="Dana Reyes"))


def test_an_account_from_nothing_to_billable(seller: Client) -> None:
    form = {"form_key": "k1", "name": "Northfield Clinics GmbH", "currency": "eur", "payment_terms_days": "30"}
    form |= {"tax_status": "standard", "tax_id": "DE123"}
    answer = seller.post("/accounts/new", data=form)
    assert answer.status_code == 303
    assert seller.post("/accounts/new", data=form).headers["Location"] == answer.headers["Location"]
    here = answer.headers["Location"]
    person = {"name": "Maria Keller", "email": "maria@northfield.test", "title": "Head of operations"}
    assert seller.post(f"{here}/contacts/new", data=person).status_code == 303
    place = {"name": "Northfield", "street": "Lindenweg 14", "postcode": "80331", "city": "Munich", "country": "de"}
    assert seller.post(f"{here}/addresses/new", data=place).status_code == 303
    assert seller.post(f"{here}/opportunities/new", data={"name": "Clinic roll-out"}).status_code == 303
    account = db.session.scalars(select(Account)).one()
    assert (account.currency, account.payment_terms_days) == ("EUR", 30)
    assert account.billing_contact_id and account.billing_address_id and account.shipping_address_id
    text = seller.get(here).text
    for words in ("Maria Keller", "80331 Munich, DE", "Clinic roll-out", "No card on file", "30 days"):
        assert words in text


def test_wrong_input_is_said_in_place(seller: Client) -> None:
    customer = factories.account()
    here = f"/accounts/{customer.number}"
    answer = seller.post(f"{here}/contacts/new", data={"name": "X", "email": "nonsense"})
    assert answer.status_code == 422 and "looks like name@company.com" in answer.text
    assert seller.post(f"{here}/addresses/new", data={"name": "X"}).status_code == 422
    assert seller.post("/accounts/new", data={"name": "X", "currency": "XXQ"}).status_code == 422
    assert seller.get("/accounts/A-9999").status_code == 404
    other = factories.account()
    assert seller.get(f"{here}/contacts/{other.billing_contact_id}").status_code == 404


def test_editing_is_recorded_and_audited(seller: Client) -> None:
    customer = factories.account()
    here = f"/accounts/{customer.number}"
    form = {"name": "New name", "currency": "EUR", "payment_terms_days": "60", "tax_status": "reverse_charge"}
    assert seller.post(f"{here}/edit", data=form).status_code == 303
    row = db.session.scalars(select(Audit).where(Audit.action == "account.edit")).one()
    assert row.before["payment_terms_days"] == 14 and row.after["tax_status"] == "reverse_charge"
    contact = {"name": "Jonas Falk", "email": "jonas@northfield.test"}
    assert seller.post(f"{here}/contacts/{customer.billing_contact_id}", data=contact).status_code == 303
    assert db.session.get_one(Contact, customer.billing_contact_id).name == "Jonas Falk"
    assert seller.post(f"{here}/billing", data={"billing_contact_id": ""}).status_code == 303


def test_foreign_contacts_are_not_chosen(app: Flask) -> None:
    seller = factories.user(Role.SALESPERSON)
    customer, other = factories.account(), factories.account()
    with pytest.raises(Refusal, match="not_the_accounts"):
        accounts.choose(
            customer.id,
            billing_contact_id=other.billing_contact_id,
            billing_address_id=None,
            shipping_address_id=None,
            by=seller,
        )


def test_a_hold_is_set_and_released_by_billing_alone(client: Client, app: Flask) -> None:
    customer = factories.account()
    here = f"/accounts/{customer.number}"
    seller = client.sign_in(factories.user(Role.SALESPERSON))
    assert seller.post(f"{here}/hold", data={"reason": "x"}).status_code == 403
    ar = app.test_client().sign_in(factories.user(Role.AR, name="Ines Laurent"))
    assert ar.post(f"{here}/hold", data={"reason": " "}).status_code == 422
    assert ar.post(f"{here}/hold", data={"reason": "Two invoices overdue"}).status_code == 303
    text = seller.get(here).text
    assert "Ines Laurent put this account on hold" in text and "Two invoices overdue" in text
    assert "Billing or AR can release it" in text
    assert customer.number in seller.get("/accounts/?held=yes").text
    assert ar.post(f"{here}/release").status_code == 303
    assert ar.post(f"{here}/release").status_code == 409
    actions = db.session.scalars(select(Audit.action).order_by(Audit.id)).all()
    assert actions == ["account.hold", "account.release"]


def test_deals_are_the_readers_own(client: Client) -> None:
    dana, manager = quoting.people()
    customer = factories.account()
    quote = quoting.approved(dana, manager, customer=customer)
    order = conversion.convert(quote.id, by=dana)
    assert [d.number for d in queries.load(customer.number, dana).orders] == [order.number]
    assert queries.load(customer.number, dana).orders[0].total == order.totals().gross
    stranger = factories.user(Role.SALESPERSON)
    assert queries.load(customer.number, stranger).orders == ()
    accounts.add_opportunity(factories.account().id, name="Somebody else's", by=dana)
    assert [c.name for c in queries.load(customer.number, dana).opportunities] == []
    assert order.number in client.sign_in(dana).get(f"/accounts/{customer.number}").text


def test_the_list_pages_by_name(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "PAGE", 2)
    names = ["Alpha", "Beta", "Beta", "Delta", "Epsilon"]
    for name in reversed(names):
        factories.account(name=name)
    first = queries.find()
    second = queries.find(after=first.next)
    third = queries.find(after=second.next)
    assert [[r.name for r in p.rows] for p in (first, second, third)] == [names[:2], names[2:4], names[4:]]
    assert [r.name for r in queries.find(before=third.previous).rows] == names[2:4]
    assert [r.name for r in queries.find("bet").rows] == ["Beta", "Beta"]


def test_profile_facts_are_checked_by_the_command_too(app: Flask) -> None:
    seller = factories.user(Role.SALESPERSON)
    with pytest.raises(Refusal, match="name_missing"):
        accounts.create(Profile(name=" ", currency="EUR"), by=seller)
    customer = factories.account()
    with pytest.raises(Refusal, match="email_wrong"):
        accounts.add_contact(customer.id, ContactFacts(name="X", email="x"), by=seller)
    with pytest.raises(Refusal, match="no_country"):
        facts = AddressFacts(name="X", street="X", postcode="X", city="X", country="Germany")
        accounts.add_address(customer.id, facts, by=seller)
