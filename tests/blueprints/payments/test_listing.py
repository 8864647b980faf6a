"""The list of payment orders: filtered, paged by key, scoped to the orders that somebody sees."""

from __future__ import annotations

import pytest
from flask import current_app
from sqlalchemy import select

from app import clock
from app.access import Role
from app.commands.payments import disputes, payment_orders
from app.db import db, transaction
from app.gateways.sandbox import disputes as sandbox
from app.models import PaymentOrder, SalesOrder, Transaction, User
from app.queries.payments import listing
from app.queries.payments.listing import Filter, PaymentOrderList
from app.states.payment_order import PaymentStatus
from tests import factories
from tests.blueprints.payments.conftest import alias, charged
from tests.commands import moving
from tests.commands.collecting import booked
from tests.commands.collecting import request as request_payment
from tests.conftest import Client
from tests.statements import counted, planned, walked


def listed(reader: User, *, before: int | None = None, after: int | None = None, **wanted: str) -> PaymentOrderList:
    db.session.rollback()
    with current_app.test_request_context():
        return listing.view(Filter(**wanted), reader, clock.today(factories.ZONE), before=before, after=after)


def numbers(reader: User, **wanted: str) -> set[str]:
    return {row.number for row in listed(reader, **wanted).rows}


def number_of(order: SalesOrder) -> str:
    return db.session.scalars(select(PaymentOrder.number).where(PaymentOrder.order_id == order.id)).one()


def moved(dana: User) -> dict[str, str]:
    """What became of money that had come, or was held."""
    boss = factories.user(Role.ADMIN)
    paid = {name: moving.paid(dana, deposit_percent="10") for name in ("part_refunded", "refunded", "disputed", "lost")}
    moving.refund(paid["part_refunded"], 100, boss)
    moving.refund(paid["refunded"], paid["refunded"].amount, boss)
    contested = {name: sandbox.open_one("sandbox", paid[name].provider_id) for name in ("disputed", "lost")}
    sandbox.decide("sandbox", contested["lost"].provider_id, won=False)
    for facts in contested.values():
        disputes.hear(paid["lost"].gateway_id, facts.provider_id)
    moving.capture_later()
    paid["authorized"] = moving.paid(dana, deposit_percent="10")
    moving.capture_later(False)
    numbers = {name: db.session.get_one(PaymentOrder, x.payment_order_id).number for name, x in paid.items()}
    return numbers | {"charged_back": numbers.pop("lost")}


@pytest.fixture
def everything(dana: User) -> dict[str, str]:
    """A payment order in every state that the filter offers, by state."""

    def first(slug: str) -> str:
        order = factories.order(owner=dana, deposit_percent="10")
        charged(order, dana, slug, key=slug)
        return number_of(order)

    open_order = booked(dana, pay_with=alias("visa"))
    cancelled = request_payment(open_order, dana, minor=500)
    payment_orders.cancel(cancelled.id, because="Not needed", by=dana)
    part = request_payment(open_order, dana, minor=900)
    with transaction() as session:
        evidence = session.query(Transaction).first()
        assert evidence is not None
        facts = ("attempt_id", "gateway_id", "action", "currency", "idempotency_key", "raw_sha256")
        copied = {name: getattr(evidence, name) for name in facts}
        session.add(Transaction(**copied, payment_order_id=part.id, amount=400, provider_id="half"))
    return {
        **moved(dana),
        "requested": request_payment(open_order, dana).number,
        "cancelled": cancelled.number,
        "part_paid": part.number,
        "declined": first("insufficient-funds"),
        "confirming": first("lost-answer"),
        "requires_action": first("confirm"),
        "paid": first("mastercard"),
    }


def test_the_filter_finds_exactly_what_the_badge_says(everything: dict[str, str], dana: User) -> None:
    shown = {row.number: row.status for row in listed(dana).rows}
    for status, number in everything.items():
        assert shown[number] == status
        assert {n for n, s in shown.items() if s == status} == numbers(dana, status=status)
    assert set(everything) == {str(s) for s in listing.STATUSES}
    assert set(listing.STATUSES) <= set(PaymentStatus)


def test_text_finds_number_order_customer_and_the_gateways_id(browser: Client, order: SalesOrder, dana: User) -> None:
    attempt = charged(order, dana, "visa")
    other = factories.order(owner=dana, deposit_percent="10")
    charged(other, dana, "insufficient-funds", key="k2")
    mine = attempt.payment_order.number
    assert attempt.provider_id
    for text in (mine.lower(), order.number, order.account.name[-12:], attempt.provider_id):
        assert mine in numbers(dana, text=text), text
    assert numbers(dana, text=mine) == {mine}
    assert numbers(dana, text="nothing like it") == set()


def test_the_page_shows_what_is_open_and_since_when(browser: Client, everything: dict[str, str]) -> None:
    page = browser.get("/payments/").text
    assert page.count("<tr>") == len(everything) + 1 + 1  # the paid deposit, and the head
    assert "since" in browser.get("/payments/?status=confirming").text
    assert everything["paid"] not in browser.get("/payments/?status=confirming").text
    empty = browser.get("/payments/?status=paid&q=nothing").text
    assert "No payment order matches" in empty and "Show all payments" in empty


def test_an_empty_list_says_how_payments_come_about(browser: Client) -> None:
    assert "No payments yet" in browser.get("/payments/").text


def test_salespeople_see_payments_of_their_own_orders_only(client: Client, order: SalesOrder, dana: User) -> None:
    number = charged(order, dana, "visa").payment_order.number
    stranger = factories.user(Role.SALESPERSON)
    assert numbers(stranger) == set()
    assert numbers(factories.user(Role.AR)) == {number}
    assert client.sign_in(stranger).get(f"/payments/{number}").status_code == 404
    assert client.sign_in(factories.user(Role.FULFILLMENT_OPERATIONS)).get("/payments/").status_code == 403


def test_the_list_is_paged_by_key_in_one_statement(
    browser: Client, dana: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "PAGE", 2)
    order = booked(dana, pay_with=alias("visa"))
    made = [request_payment(order, dana, minor=100 + n).number for n in range(4)]
    seen, key, found = [], None, None
    while found is None or found.next is not None:
        found = listed(dana, before=key)
        seen += [row.number for row in found.rows]
        key = key_of(found.next)
    assert seen == [*reversed(made), number_of_first(order)]
    assert [row.number for row in listed(dana, after=key_of(found.previous)).rows] == [made[1], made[0]]
    assert made[1] in browser.get(f"/payments/?after={key_of(found.previous)}").text
    with counted() as statements:
        listed(dana, status="requested", text="PO")
    assert len([x for x in statements if "FROM payment_order" in x]) == 1
    assert len(statements) <= 2  # the reader, read anew


def key_of(address: str | None) -> int | None:
    return int(address.rpartition("=")[2]) if address else None


def number_of_first(order: SalesOrder) -> str:
    first = select(PaymentOrder.number).where(PaymentOrder.order_id == order.id, PaymentOrder.first)
    return db.session.scalars(first).one()


PAYMENTS = {"payment_order", "transaction", "attempt", "receipt", "dispute"}
LISTS = ("/payments/", "/payments/?status=paid&q=ch_12", "/disputes/", "/search?q=410.55", "/search?q=4242")


def test_whoever_sees_their_own_comes_by_nobody_elses(client: Client) -> None:
    """By the plan of each statement; a list of the whole house is walked from its newest row on."""
    client.sign_in(factories.user(Role.SALESPERSON))
    for address in LISTS:
        with planned() as steps:
            assert client.get(address).status_code == 200
        assert not walked(steps) & PAYMENTS, address
        assert any("ix_payment_agreement_owner_id_id" in step for step in steps), address
    client.sign_in(factories.user(Role.ADMIN))
    with planned() as steps:
        client.get("/payments/")
    assert walked(steps) & PAYMENTS == {"payment_order"}
