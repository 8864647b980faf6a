"""Payment orders in the states that their pages show, at the sandbox."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from sqlalchemy import select

from app.access import Role
from app.commands.agreements import charging
from app.commands.payments import collection
from app.commands.payments.charges import Instrument
from app.commands.payments.disputes import Letter
from app.commands.payments.disputes import record as record_dispute
from app.db import db, end_read
from app.models import (
    Attempt,
    CollectionMethod,
    Dispute,
    PaymentAgreement,
    PaymentMethod,
    PaymentOrder,
    SalesOrder,
    Transaction,
    User,
)
from app.money import Money
from tests import factories, plans
from tests.commands.collecting import booked
from tests.commands.collecting import request as request_payment
from tests.conftest import Client

FRAGMENT = {"HX-Request": "true", "HX-Request-Type": "partial"}


@pytest.fixture
def dana(app: Flask) -> User:
    return factories.user(Role.SALESPERSON, name="Dana Reyes", email="dana@brightwater.test")


@pytest.fixture
def browser(client: Client, dana: User) -> Client:
    return client.sign_in(dana)


@pytest.fixture
def order(dana: User) -> SalesOrder:
    """A draft of 410.55 EUR, 41.06 EUR of it due at signature."""
    return factories.order(owner=dana, deposit_percent="10")


@pytest.fixture
def due(dana: User) -> PaymentOrder:
    """100.00 EUR requested on a booked order, nothing sent yet."""
    return request_payment(booked(dana, pay_with=alias("visa")), dana)


@pytest.fixture
def agreement(boss: User) -> PaymentAgreement:
    return plans.in_sandbox()


@pytest.fixture
def asked(agreement: PaymentAgreement) -> PaymentOrder:
    """119.00 EUR for the first month, charged by the run."""
    assert charging.run() == 1
    return asked_by(agreement)


def asked_by(agreement: PaymentAgreement) -> PaymentOrder:
    paid = plans.payments(agreement)[0]
    row = db.session.get_one(PaymentOrder, paid.payment_order_id)
    assert row.order_id is None and agreement.order_id is None
    end_read()
    return row


@pytest.fixture
def linked(boss: User) -> PaymentOrder:
    """119.00 EUR for the first month, asked for by an invoice with a link."""
    made = plans.by_hand(collection=CollectionMethod.PAYMENT_LINK)
    charging.run()
    return asked_by(made)


def charge_of(row: PaymentOrder) -> Transaction:
    found = db.session.scalars(select(Transaction).where(Transaction.payment_order_id == row.id)).first()
    assert found is not None
    end_read()
    return found


def contested(row: PaymentOrder, by: User) -> Dispute:
    letter = Letter(Money(row.amount, row.currency), "fraudulent", None, False, None)
    return record_dispute(charge_of(row).id, letter, form_key=f"dispute-{row.id}", by=by)


def alias(slug: str, label: str = "Visa ending 4242", *, save: bool = False) -> Instrument:
    """One of the sandbox's published test cards, as its card field hands it over."""
    return Instrument(alias=f"sbx_card_{slug}_1229", label=label, save=save, consent_text="Agreed." if save else None)


def charged(order: SalesOrder, by: User, slug: str, *, key: str = "k1", save: bool = False) -> Attempt:
    """The first payment, charged at the sandbox whatever comes of it."""
    return collection.collect_first(order.id, pay_with=alias(slug, save=save), form_key=key, by=by)


def card_on_file(order: SalesOrder, by: User, slug: str = "visa") -> PaymentMethod:
    """A card that the account of `order` saved when it paid another order."""
    account = order.account
    charged(factories.order(owner=by, customer=account), by, slug, key=f"file-{slug}", save=True)
    return db.session.query(PaymentMethod).filter_by(account_id=account.id).order_by(PaymentMethod.id.desc()).first()  # type: ignore[return-value]


def key_in(page: str) -> str:
    found = re.search(r'name="form_key"[^>]*value="([^"]+)"', page)
    assert found is not None
    return found[1]
